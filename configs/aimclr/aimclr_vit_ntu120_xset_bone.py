_base_ = "./aimclr_vit_ntu120_xset.py"

model = dict(data_preprocessor=dict(stream="bone"))
