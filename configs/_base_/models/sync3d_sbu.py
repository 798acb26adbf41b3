# Sync3D on the skeletons of SBU, whose x and y are shares of the picture: no turns about axes that differ in unit. The
# first person's start is the origin, so that where the second one stands is kept.
_base_ = "./sync3d.py"

tracks = [
    dict(type="Mirror"),
    dict(type="Shear", amplitude=0.1),
    dict(type="RandomScale", scale=(0.8, 1.2)),
    dict(type="GaussianNoise", std=0.003, prob=1.0),
]
model = dict(
    encoder=dict(pool=dict(type="SkeletonPool"), projector=dict(hidden_channels=256)),
    data_preprocessor=dict(
        type="SkeletonPreprocessor", layout="sbu15", stream="joint+motion", recenter=True, views=dict(tracks=tracks)
    ),
)
