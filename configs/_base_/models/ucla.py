# Encoders and views for NW-UCLA, whatever the method: a wide and shallow ST-GCN on half the frames, or a transformer
# behind two ST-GCN blocks that make 8 x 20 tokens (without them it learns far slower from a thousand clips,
# docs/design/0016).
stream = "joint+bone+motion"
backbone = "stgcn"
normal = [
    dict(type="RandomCropResize", scale=(0.5, 1.0), size=32),
    dict(type="Mirror"),
    dict(type="RandomRotation", max_degrees=(10, 45, 10)),
    dict(type="Shear", amplitude=0.1),
    dict(type="RandomScale", scale=(0.9, 1.1)),
    dict(type="GaussianNoise", std=0.005),
    dict(type="JointMask", ratio=0.1, prob=0.3)]
extreme = [
    dict(type="RandomCropResize", scale=(0.35, 1.0), size=32),
    dict(type="Mirror"), dict(type="SpatialFlip", prob=0.2),
    dict(type="RandomRotation", max_degrees=(20, 60, 20)),
    dict(type="Shear", amplitude=0.3), dict(type="RandomScale", scale=(0.8, 1.2)),
    dict(type="GaussianBlur", sigma=(0.5, 2.0)), dict(type="GaussianNoise", std=0.01, prob=1.0),
    dict(type="AxisMask", prob=0.2), dict(type="JointMask", ratio=0.2, prob=0.5)]
views = "pair"  # of methods with two alike; "momentum": query and key; "extreme": and AimCLR's third; "clip": one;
# "chain": HiCLR's; "partial": PSTL's
_views = dict(
    clip=dict(clip=normal[:3]),  # without noise, which would be a part of what is to be predicted
    pair=dict(first=normal, second=normal),
    momentum=dict(query=normal, key=normal),
    extreme=dict(query=normal, key=normal, extreme=extreme),
    chain=dict(query=normal, key=normal, normal=extreme, masked=extreme),
    partial=dict(anchor=normal, temporal=normal, spatial=normal))
# Transformers keep the joints apart in the pooling.
_kept = dict(
    type="Encoder",
    pool=dict(type="SkeletonPool", persons="valid_mean", joints="keep"),
    probe_pool=dict(type="SkeletonPool", persons="valid_mean", joints="parts"),
    projector=dict(type="MLPProjector", hidden_channels=256, out_channels=128))
_mean = dict(
    type="Encoder",
    pool=dict(type="SkeletonPool", persons="valid_mean"),
    projector=dict(type="MLPProjector", out_channels=128))
_graph = dict(type="STGCN", channels=[64, 64, 128, 256], strides=[2, 1, 2, 1], dropout=0.0, init="torch")
_small = dict(embed_dim=128, mlp_ratio=2.0, data_norm=True, stem=dict(channels=[64, 128], strides=[2, 2]))
# Masked prediction: patches of 4 frames of a joint, 8 x 20 tokens; a stem would show visible tokens what is hidden.
_tokens = dict(
    type="Encoder",
    pool=dict(type="SkeletonPool", persons="valid_mean", joints="parts"),
    backbone=dict(
        type="SkeletonViT", embed_dim=128, depth=4, num_heads=4, mlp_ratio=2.0, data_norm=True, t_patch=4, clip_len=32))
_encoders = dict(
    tokens=_tokens,
    stgcn=dict(_mean, backbone=_graph),
    bigru=dict(_mean, backbone=dict(type="BiGRU", hidden_channels=128, num_layers=2)),
    vit=dict(_kept, backbone=dict(_small, type="SkeletonViT", depth=2, num_heads=4, t_patch=1, clip_len=8)),
    dstformer=dict(_kept, backbone=dict(_small, type="DSTformer", rep_dim=128, depth=1, num_heads=2, max_len=8)))
model = dict(
    encoder=_encoders[backbone],
    data_preprocessor=dict(type="SkeletonPreprocessor", stream=stream, recenter=True, window=32, views=_views[views]))
