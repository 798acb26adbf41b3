_base_ = "./skeletonclr_vit_ntu60_xsub.py"

model = dict(data_preprocessor=dict(stream="bone"))
