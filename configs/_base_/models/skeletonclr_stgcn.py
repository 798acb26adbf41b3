# SkeletonCLR on the slim ST-GCN, as published.
_base_ = ["./skeletonclr.py", "./stgcn.py"]

model = dict(encoder=dict(backbone={{_base_.stgcn}}))
