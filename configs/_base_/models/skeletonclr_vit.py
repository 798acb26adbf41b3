# SkeletonCLR on the vanilla transformer.
_base_ = ["./skeletonclr.py", "./vit.py"]

model = dict(encoder=dict(backbone={{_base_.vit}}))
