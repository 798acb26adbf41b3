_base_ = "./skeletonclr_vit_ntu120_xsub.py"

model = dict(data_preprocessor=dict(stream="bone"))
