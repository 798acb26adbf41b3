# DSTformer for the built-in world.
dstformer_tiny = dict(
    type="DSTformer",
    layout="ntu25",
    in_channels=6,
    embed_dim=64,
    rep_dim=64,
    depth=1,
    num_heads=2,
    mlp_ratio=2.0,
    max_len=8,
    data_norm=True,
    stem=dict(channels=[32, 48], strides=[2, 2], temporal_kernel=5),
)
