# AimCLR on the vanilla transformer.
_base_ = ["./aimclr.py", "./vit.py"]

model = dict(encoder=dict(backbone={{_base_.vit}}))
