_base_ = "./aimclr_vit_ntu60_xsub.py"

model = dict(data_preprocessor=dict(stream="motion"))
