# The default: an encoder of body parts in the body frame, which takes clips of any layout, sensor and length, and
# SimCLR with mild views. What the body frame removes need not be augmented away; direction, side, order and speed of a
# motion remain (docs/design/0044). Nothing here depends on the data set.
mild = [
    dict(type="RandomCropResize", scale=(0.7, 1.0), warp=0.3),
    dict(type="RandomRotation", max_degrees=(8, 25, 8)),
    dict(type="Shear", amplitude=0.17), dict(type="RandomScale", scale=(0.83, 1.17), per_axis=True),
    dict(type="JointOffset", std=0.03), dict(type="GaussianNoise", std=0.02),
    dict(type="JointFreeze", ratio=0.05, prob=0.4)]

sync_bn = "torch"
pool = dict(type="SegmentPartPool", segments=4, norm=True)
# The model in the box, which does not learn. Probes see its features beside those that training learns from the clips:
# what people do in general, and what tells these clips apart. Without it: model.encoder.frozen=None
frozen = dict(
    type="Encoder", backbone=dict(type="PartTransformer"), pool=pool,
    init_cfg=dict(type="Pretrained", checkpoint="motion-s", prefix="encoder."))
model = dict(
    type="SimCLR",
    encoder=dict(
        type="Encoder", backbone=dict(type="PartTransformer"), pool=pool, frozen=frozen,
        whitening=dict(type="Whitening"),  # of what is learned, and its weight, fitted without labels
        projector=dict(type="MLPProjector", hidden_channels=512, out_channels=128, norm=True)),
    data_preprocessor=dict(type="SkeletonPreprocessor", body_frame=True, views=dict(first=mild, second=mild)))

# Whether mirrored clips are one motion follows from the training clips, once, without labels.
custom_hooks = [dict(type="MirrorIfSeenHook"), dict(type="FitWhiteningHook")]
