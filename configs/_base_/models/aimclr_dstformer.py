# AimCLR on DSTformer.
_base_ = ["./aimclr.py", "./dstformer.py"]

model = dict(encoder=dict(backbone={{_base_.dstformer}}))
