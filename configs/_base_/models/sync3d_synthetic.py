# Sync3D (Sannigrahi, 2020) on skeletons of the built-in world. Projector as published: batch normalization, dropout
# 0.1; its widths, and that the embedding has unit length, with margin 1, are ours: none is printed. Crop in time,
# turn, mirror and scale are the same for both people, noise is not.
stream = "joint+motion"
backbone = dict(type="STGCN", channels=[32, 48, 96], strides=[2, 2, 1], temporal_kernel=5)
tracks = [
    dict(type="Mirror"), dict(type="RandomRotation", max_degrees=(5, 45, 5)), dict(type="Shear", amplitude=0.1),
    dict(type="RandomScale", scale=(0.8, 1.2)), dict(type="GaussianNoise", std=0.01)]
projector = dict(type="MLPProjector", hidden_channels=256, out_channels=128, norm=True, dropout=0.1)
model = dict(
    type="Sync3D",
    encoder=dict(type="Encoder", backbone=backbone, pool=dict(type="SkeletonPool"), projector=projector),
    loss=dict(type="ContrastiveLoss", margin=1.0, normalize=True),
    data_preprocessor=dict(type="SkeletonPreprocessor", stream=stream, recenter="person", views=dict(tracks=tracks)))
