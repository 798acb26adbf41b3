# The released AimCLR as the MBAimCLR report ran it (EPFL, 2023): one linear layer behind the pooling instead of an
# MLP. DSTformer has the base width of MotionBERT, raw coordinates of 25 joints, LayerNorm with the eps of torch, and
# all linear weights, those of the fusion included, are drawn anew after the key encoder was copied.
stream = "joint"
mining_epoch = None  # it never starts; 150 in the rows with mining
backbone = "dstformer"
_backbones = dict(
    dstformer=dict(
        type="DSTformer", embed_dim=512, rep_dim=512, depth=4, num_heads=8, mlp_ratio=2.0, max_len=50,
        norm_eps=1e-5, init="normal"),
    vit=dict(type="SkeletonViT", embed_dim=256, depth=4, num_heads=8, mlp_ratio=4.0, t_patch=5, clip_len=50))
projector = dict(type="MLPProjector", num_layers=1, out_channels=128)
_initial = dict(type="Normal", layer="Linear", std=0.02)
normal = [dict(type="AimCLRNormal")]
extreme = [dict(type="AimCLRExtreme", extreme_set="released", blur_normalize=False, keep_absent=False)]

model = dict(
    type="AimCLR",
    queue_size=32768, momentum=0.999, temperature=0.07, d3m_weight=0.5, drop_threshold=0.7, drop_scope="batch",
    mining=None, mining_epoch=mining_epoch,
    key_init="reference",
    encoder=dict(
        type="Encoder",
        backbone=_backbones[backbone],
        pool=dict(type="SkeletonPool", persons="mean"),
        projector=dict(projector, init_cfg=_initial)),
    data_preprocessor=dict(
        type="SkeletonPreprocessor", stream=stream, views=dict(query=normal, key=normal, extreme=extreme)))
