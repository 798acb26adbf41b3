# A transformer for small sets, on clips of 32 frames of NW-UCLA: two ST-GCN blocks make 8 x 20 tokens, two transformer
# blocks mix them. Without the stem it learns far slower from a thousand clips (docs/design/0016).
vit_small = dict(
    type="SkeletonViT",
    layout="kinect20",
    in_channels=9,
    embed_dim=128,
    depth=2,
    num_heads=4,
    mlp_ratio=2.0,
    t_patch=1,
    clip_len=8,
    data_norm=True,
    stem=dict(channels=[64, 128], strides=[2, 2]),
)
