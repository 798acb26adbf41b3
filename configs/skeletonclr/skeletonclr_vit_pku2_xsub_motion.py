_base_ = "./skeletonclr_vit_pku2_xsub.py"

model = dict(data_preprocessor=dict(stream="motion"))
