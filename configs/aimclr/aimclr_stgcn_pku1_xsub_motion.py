_base_ = "./aimclr_stgcn_pku1_xsub.py"

model = dict(data_preprocessor=dict(stream="motion"))
