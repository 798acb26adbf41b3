# AimCLR on the slim ST-GCN to the letter of its release (Guo et al., 2022): every departure of aimclr.py is undone.
# Augmentations are drawn anew in each epoch; the release's workers are seeded alike in all of them.
stream = "joint"  # the published results are of joint, bone and motion, and of the three fused
extreme_set = "released"  # the seven augmentations of the released models; "paper": all eight
normal = [dict(type="AimCLRNormal")]
extreme = [dict(type="AimCLRExtreme", extreme_set=extreme_set, blur_normalize=False, keep_absent=False)]
backbone = dict(type="STGCN", width=16, out_channels=256, dropout=0.5, init="normal")

model = dict(
    type="AimCLR",
    queue_size=32768, momentum=0.999, temperature=0.07, d3m_weight=0.5, drop_threshold=0.7, drop_scope="batch",
    mining=None, mining_epoch=150,
    key_init="reference",
    encoder=dict(
        type="Encoder",
        backbone=backbone,
        pool=dict(type="SkeletonPool", persons="mean"),
        projector=dict(type="MLPProjector", out_channels=128, init_cfg=dict(type="Normal", layer="Linear", std=0.02))),
    data_preprocessor=dict(
        type="SkeletonPreprocessor", stream=stream, views=dict(query=normal, key=normal, extreme=extreme)))
