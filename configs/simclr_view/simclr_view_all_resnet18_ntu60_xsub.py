# Encoders: ResNet-18 on images of 112 x 112, two persons in the channels. The size is ours; size=None
# leaves 25 joints x 64 frames, at an eighth of the cost.
_base_ = "./simclr_view_all_stgcn_ntu60_xsub.py"

model = dict(
    encoder=dict(backbone=dict(_delete_=True, type="SkeletonResNet", layout="ntu25", num_persons=2, depth=18, size=112))
)
