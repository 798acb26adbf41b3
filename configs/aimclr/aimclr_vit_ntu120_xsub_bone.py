_base_ = "./aimclr_vit_ntu120_xsub.py"

model = dict(data_preprocessor=dict(stream="bone"))
