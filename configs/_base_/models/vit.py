# The vanilla transformer over joint x time patches, at the size that the MBAimCLR report gave it; for clips of 50 frames.
vit = dict(
    type="SkeletonViT",
    layout="ntu25",
    embed_dim=256,
    depth=4,
    num_heads=8,
    mlp_ratio=4.0,
    t_patch=5,
    clip_len=50,
)
