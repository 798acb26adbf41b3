# Sync3D (Sannigrahi, 2020) on the skeletons of SBU. Projector as published: batch normalization, dropout 0.1; its
# widths, and that the embedding has unit length, with margin 1, are ours: none is printed. x and y are shares of the
# picture: no turns about axes that differ in unit. The start of the first person is the origin, so that where the
# second one stands is kept.
stream = "joint+motion"
backbone = "stgcn"
_stem = dict(channels=[32, 64], strides=[1, 2], temporal_kernel=5)
_tokens = dict(t_patch=1, clip_len=5, data_norm=True, stem=_stem)
# For clips of ten frames: a wide and shallow ST-GCN, or two of its blocks that make 5 x 15 tokens, and two transformer
# blocks that mix them (docs/design/0016).
_backbones = dict(
    stgcn=dict(type="STGCN", channels=[32, 64, 128], strides=[1, 2, 1], temporal_kernel=5),
    vit=dict(_tokens, type="SkeletonViT", embed_dim=96, depth=2, num_heads=4, mlp_ratio=2.0))
tracks = [
    dict(type="Mirror"), dict(type="Shear", amplitude=0.1),
    dict(type="RandomScale", scale=(0.8, 1.2)), dict(type="GaussianNoise", std=0.003, prob=1.0)]
projector = dict(type="MLPProjector", hidden_channels=256, out_channels=128, norm=True, dropout=0.1)
model = dict(
    type="Sync3D",
    encoder=dict(type="Encoder", backbone=_backbones[backbone], pool=dict(type="SkeletonPool"), projector=projector),
    loss=dict(type="ContrastiveLoss", margin=1.0, normalize=True),
    data_preprocessor=dict(type="SkeletonPreprocessor", stream=stream, recenter=True, views=dict(tracks=tracks)))
