# SkeletonCLR on the slim ST-GCN to the letter of its release (Li et al., 2021): key encoder, pooling and initialization
# differ from skeletonclr.py. Augmentations are drawn anew in each epoch; the release's workers are seeded alike.
stream = "joint"
normal = [dict(type="AimCLRNormal")]
model = dict(
    type="SkeletonCLR",
    queue_size=32768, momentum=0.999, temperature=0.07,
    key_init="reference",
    encoder=dict(
        type="Encoder",
        backbone=dict(type="STGCN", width=16, out_channels=256, dropout=0.5, init="normal"),
        pool=dict(type="SkeletonPool", persons="mean"),
        projector=dict(type="MLPProjector", out_channels=128, init_cfg=dict(type="Normal", layer="Linear", std=0.02))),
    data_preprocessor=dict(type="SkeletonPreprocessor", stream=stream, views=dict(query=normal, key=normal)))
