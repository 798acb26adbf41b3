# A transformer for the built-in world: its first run takes minutes on two CPU cores.
vit_tiny = dict(
    type="SkeletonViT",
    layout="ntu25",
    in_channels=6,
    embed_dim=64,
    depth=2,
    num_heads=2,
    mlp_ratio=2.0,
    t_patch=1,
    clip_len=8,
    data_norm=True,
    stem=dict(channels=[32, 48], strides=[2, 2], temporal_kernel=5),
)
