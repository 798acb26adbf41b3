_base_ = "./aimclr_stgcn_ntu120_xsub.py"

model = dict(data_preprocessor=dict(stream="motion"))
