# MotionBERT's DSTformer at its lite width and the report's depth; for clips of 50 frames, every frame and joint a token.
dstformer = dict(
    type="DSTformer",
    layout="ntu25",
    embed_dim=256,
    rep_dim=512,
    depth=4,
    num_heads=8,
    mlp_ratio=2.0,
    max_len=50,
)
