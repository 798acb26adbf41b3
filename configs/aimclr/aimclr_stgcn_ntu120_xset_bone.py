_base_ = "./aimclr_stgcn_ntu120_xset.py"

model = dict(data_preprocessor=dict(stream="bone"))
