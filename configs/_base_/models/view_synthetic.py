# The views of view_ntu.py behind a temporal crop, on the ST-GCN of synthetic.py, for the built-in world.
stream = "joint+motion"
setting = "all"
level = "sequence"  # one camera for a clip; "frame": another one for each frame
distance = [0, 1, 2, 3, 4, 5]  # meters along the axis z of the camera; None: the viewpoint alone
_turns = dict(type="ViewDistance", angles=[0, 60, 120, 180, 240, 300], level=level)
_look = dict(_turns, distance=distance, unit=1.0, distance_axis="z", origin_joint="spine")
_crop = dict(type="RandomCropResize", scale=(0.5, 1.0), size=32)
_settings = dict(
    all=[_crop, _look],
    ab=[_crop, dict(_look, gamma=0)],
    ag=[_crop, dict(_look, beta=0)],
    bg=[_crop, dict(_look, alpha=0)],
    dist=[_crop, dict(_look, angles=0)])
view = _settings[setting]
# The encoders compared: ST-GCN of 3 and 6 blocks; ResNets on images of 25 joints x 32 frames.
encoder = "stgcn"
_graph = dict(type="STGCN", temporal_kernel=5, dropout=0.0, init="torch")
_image = dict(type="SkeletonResNet", num_persons=2, depth=18)
_encoders = dict(
    stgcn=dict(_graph, channels=[32, 48, 96], strides=[2, 2, 1]),
    stgcn_d6=dict(_graph, channels=[32, 32, 48, 48, 96, 96], strides=[2, 1, 2, 1, 1, 1]),
    resnet18=dict(_image, width=0.125),
    resnet18x2=dict(_image, width=0.25))
sync_bn = "torch"
model = dict(
    type="SimCLR",
    encoder=dict(
        type="Encoder",
        backbone=_encoders[encoder],
        pool=dict(type="SkeletonPool", persons="valid_mean"),
        projector=dict(type="MLPProjector", out_channels=128)),
    data_preprocessor=dict(type="SkeletonPreprocessor", stream=stream, window=32, views=dict(first=view, second=view)))
