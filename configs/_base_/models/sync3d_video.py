# Sync3D on video: one crop, one flip and one noise for all frames of both tracks, because a flip of one of them alone
# would undo who stands on which side.
_base_ = "./sync3d.py"

model = dict(
    encoder=dict(pool=dict(type="VideoPool", time="mean")),
    data_preprocessor=dict(
        type="VideoPreprocessor",
        views=dict(
            tracks=[
                dict(type="VideoCropResize", scale=(0.875, 1.0)),
                dict(type="VideoFlip"),
                dict(type="VideoNoise", std=0.05),
            ]
        ),
    ),
)
