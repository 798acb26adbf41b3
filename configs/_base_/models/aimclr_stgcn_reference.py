# The released AimCLR on the slim ST-GCN.
_base_ = ["./aimclr_reference.py", "./stgcn.py"]

model = dict(encoder=dict(backbone={{_base_.stgcn}}))
