_base_ = "./aimclr_stgcn_synthetic.py"

model = dict(encoder=dict(backbone=dict(in_channels=3)), data_preprocessor=dict(stream="joint"))
