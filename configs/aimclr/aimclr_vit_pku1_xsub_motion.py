_base_ = "./aimclr_vit_pku1_xsub.py"

model = dict(data_preprocessor=dict(stream="motion"))
