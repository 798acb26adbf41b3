# Encoders and views for the built-in world, whatever the method: a first run takes minutes on two CPU cores.
stream = "joint+motion"
backbone = "stgcn"  # or bigru, vit, dstformer; "tokens" for masked prediction
normal = [
    dict(type="RandomCropResize", scale=(0.5, 1.0), size=32),
    dict(type="RandomRotation", max_degrees=(10, 180, 10)),
    dict(type="Shear", amplitude=0.2),
    dict(type="RandomScale", scale=(0.8, 1.2)),
    dict(type="Mirror")]
extreme = [*normal, dict(type="GaussianNoise", std=0.02), dict(type="JointMask", ratio=0.2)]
views = "pair"  # of methods with two alike; "momentum": query and key; "extreme": and AimCLR's third; "clip": one;
# "chain": HiCLR's; "partial": PSTL's
_views = dict(
    clip=dict(clip=normal),
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
_graph = dict(
    type="STGCN", channels=[32, 48, 96], strides=[2, 2, 1], temporal_kernel=5, dropout=0.0, init="torch")
_stem = dict(channels=[32, 48], strides=[2, 2], temporal_kernel=5)
_tiny = dict(embed_dim=64, mlp_ratio=2.0, data_norm=True, stem=_stem)
# Masked prediction: patches of 4 frames of a joint, 8 x 25 tokens; a stem would show visible tokens what is hidden.
_plain = dict(embed_dim=64, depth=3, num_heads=2, mlp_ratio=2.0, data_norm=True, t_patch=4, clip_len=32)
_tokens = dict(
    type="Encoder",
    backbone=dict(_plain, type="SkeletonViT"),
    pool=dict(type="SkeletonPool", persons="valid_mean", joints="parts"))
_encoders = dict(
    tokens=_tokens,
    stgcn=dict(_mean, backbone=_graph),
    bigru=dict(_mean, backbone=dict(type="BiGRU", hidden_channels=64, num_layers=2)),
    vit=dict(_kept, backbone=dict(_tiny, type="SkeletonViT", depth=2, num_heads=2, t_patch=1, clip_len=8)),
    dstformer=dict(_kept, backbone=dict(_tiny, type="DSTformer", rep_dim=64, depth=1, num_heads=2, max_len=8)))
model = dict(
    encoder=_encoders[backbone],
    data_preprocessor=dict(type="SkeletonPreprocessor", stream=stream, window=32, views=_views[views]))
