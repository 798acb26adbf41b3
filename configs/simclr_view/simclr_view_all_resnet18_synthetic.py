# Encoders: ResNet-18 of an eighth of its width, on images of 25 joints x 32 frames.
_base_ = "./simclr_view_all_stgcn_synthetic.py"

model = dict(
    encoder=dict(
        backbone=dict(
            _delete_=True, type="SkeletonResNet", layout="ntu25", in_channels=6, num_persons=2, depth=18, width=0.125
        )
    )
)
