_base_ = "./skeletonclr_dstformer_pku1_xsub.py"

model = dict(data_preprocessor=dict(stream="motion"))
