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
model = dict(
    type="SimCLR",
    encoder=dict(
        type="Encoder",
        backbone=dict(type="PartTransformer"),
        pool=dict(type="SegmentPartPool", segments=4, norm=True),
        projector=dict(type="MLPProjector", hidden_channels=512, out_channels=128, norm=True)),
    data_preprocessor=dict(type="SkeletonPreprocessor", body_frame=True, views=dict(first=mild, second=mild)))

# Training starts from the model in the box. Whether mirrored clips are one motion follows from the training clips, once,
# without labels. What is evaluated and saved is the middle between the weights of the start and those of now: they learn
# from the clips, and keep what the model in the box knows. From scratch: load_from=None share=1.0 lr=1e-3.
load_from = "motion-s"
share = 0.5
custom_hooks = [dict(type="MirrorIfSeenHook"), dict(type="StartAverageHook", share=share)]
