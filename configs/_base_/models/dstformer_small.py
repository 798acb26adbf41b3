# DSTformer for small sets, on clips of 32 frames of NW-UCLA: two ST-GCN blocks make 8 x 20 tokens for it.
dstformer_small = dict(
    type="DSTformer",
    layout="kinect20",
    in_channels=9,
    embed_dim=128,
    rep_dim=128,
    depth=1,
    num_heads=2,
    mlp_ratio=2.0,
    max_len=8,
    data_norm=True,
    stem=dict(channels=[64, 128], strides=[2, 2]),
)
