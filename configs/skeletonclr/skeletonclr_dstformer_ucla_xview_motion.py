_base_ = "./skeletonclr_dstformer_ucla_xview.py"

model = dict(encoder=dict(backbone=dict(in_channels=3)), data_preprocessor=dict(stream="motion"))
