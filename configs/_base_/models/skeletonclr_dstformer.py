# SkeletonCLR on DSTformer.
_base_ = ["./skeletonclr.py", "./dstformer.py"]

model = dict(encoder=dict(backbone={{_base_.dstformer}}))
