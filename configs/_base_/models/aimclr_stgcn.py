# AimCLR on the slim ST-GCN, as published.
_base_ = ["./aimclr.py", "./stgcn.py"]

model = dict(encoder=dict(backbone={{_base_.stgcn}}))
