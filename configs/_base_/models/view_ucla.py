# The views of view_ntu.py behind a temporal crop, on the ST-GCN of ucla.py, for NW-UCLA. Two settings more: the crop
# alone, which is the floor, and the crop and shear of SkeletonCLR, the yardstick.
stream = "joint+bone+motion"
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
    dist=[_crop, dict(_look, angles=0)],
    crop=[_crop],
    cropshear=[dict(type="AimCLRNormal")])
view = _settings[setting]
# The encoders compared: ST-GCN of a quarter, half and all of the width (features stay 256 wide) and of 6 and 10 blocks;
# ResNets on images of 20 joints x 32 frames.
encoder = "stgcn"
_graph = dict(type="STGCN", strides=[2, 1, 2, 1], dropout=0.0, init="torch")
_image = dict(type="SkeletonResNet", width=0.25)
_deep = dict(_graph, channels=[64] * 4 + [128] * 3 + [256] * 3, strides=[2, 1, 1, 1, 2, 1, 1, 1, 1, 1])
_encoders = dict(
    stgcn=dict(_graph, channels=[64, 64, 128, 256]),
    stgcn16=dict(_graph, channels=[16, 16, 32, 256]),
    stgcn32=dict(_graph, channels=[32, 32, 64, 256]),
    stgcn_d6=dict(_graph, channels=[64, 64, 64, 128, 128, 256], strides=[2, 1, 1, 2, 1, 1]),
    stgcn_d10=_deep,
    resnet18=dict(_image, depth=18),
    resnet18x2=dict(_image, depth=18, width=0.5),
    resnet34=dict(_image, depth=34),
    resnet50=dict(_image, depth=50))
sync_bn = "torch"
model = dict(
    type="SimCLR",
    encoder=dict(
        type="Encoder",
        backbone=_encoders[encoder],
        pool=dict(type="SkeletonPool", persons="valid_mean"),
        projector=dict(type="MLPProjector", out_channels=128)),
    data_preprocessor=dict(type="SkeletonPreprocessor", stream=stream, window=32, views=dict(first=view, second=view)))
