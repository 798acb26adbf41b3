# Sync3D on skeletons: crop in time, turn, mirror and scale are the same for both people, noise is not.
_base_ = "./sync3d.py"

tracks = [
    dict(type="Mirror"),
    dict(type="RandomRotation", max_degrees=(5, 45, 5)),
    dict(type="Shear", amplitude=0.1),
    dict(type="RandomScale", scale=(0.8, 1.2)),
    dict(type="GaussianNoise", std=0.01),
]
model = dict(
    encoder=dict(pool=dict(type="SkeletonPool"), projector=dict(hidden_channels=256)),
    data_preprocessor=dict(
        type="SkeletonPreprocessor", layout="ntu25", stream="joint+motion", recenter="person", views=dict(tracks=tracks)
    ),
)
