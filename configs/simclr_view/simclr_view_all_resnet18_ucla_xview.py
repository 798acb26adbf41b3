# Encoders: ResNet-18 of a quarter of its width, on images of 20 joints x 32 frames.
_base_ = "./simclr_view_all_stgcn_ucla_xview.py"

model = dict(
    encoder=dict(
        backbone=dict(_delete_=True, type="SkeletonResNet", layout="kinect20", in_channels=9, depth=18, width=0.25)
    )
)
