# The views of view_ntu.py behind a temporal crop, on the ST-GCN of ucla.py, for NW-UCLA. Two settings more: the crop
# alone, which is the floor, and the crop and shear of SkeletonCLR, the yardstick.
stream = "joint+bone+motion"
setting = "all"
level = "sequence"  # one camera for a clip; "frame": another one for each frame
distance = [0, 1, 2, 3, 4, 5]  # metres along the axis z of the camera; None: the viewpoint alone
turns = dict(type="ViewDistance", angles=[0, 60, 120, 180, 240, 300], level=level)
look = dict(turns, distance=distance, unit=1.0, distance_axis="z", origin_joint="spine")
crop = dict(type="RandomCropResize", scale=(0.5, 1.0), size=32)
settings = dict(
    all=[crop, look],
    ab=[crop, dict(look, gamma=0)],
    ag=[crop, dict(look, beta=0)],
    bg=[crop, dict(look, alpha=0)],
    dist=[crop, dict(look, angles=0)],
    crop=[crop],
    cropshear=[dict(type="AimCLRNormal")])
view = settings[setting]
# The encoders compared: ST-GCN of a quarter, half and all of the width (features stay 256 wide) and of 6 and 10 blocks;
# ResNets on images of 20 joints x 32 frames.
encoder = "stgcn"
graph = dict(type="STGCN", strides=[2, 1, 2, 1], dropout=0.0, init="torch")
image = dict(type="SkeletonResNet", width=0.25)
deep = dict(graph, channels=[64] * 4 + [128] * 3 + [256] * 3, strides=[2, 1, 1, 1, 2, 1, 1, 1, 1, 1])
encoders = dict(
    stgcn=dict(graph, channels=[64, 64, 128, 256]),
    stgcn16=dict(graph, channels=[16, 16, 32, 256]),
    stgcn32=dict(graph, channels=[32, 32, 64, 256]),
    stgcn_d6=dict(graph, channels=[64, 64, 64, 128, 128, 256], strides=[2, 1, 1, 2, 1, 1]),
    stgcn_d10=deep,
    resnet18=dict(image, depth=18),
    resnet18x2=dict(image, depth=18, width=0.5),
    resnet34=dict(image, depth=34),
    resnet50=dict(image, depth=50))
sync_bn = "torch"
model = dict(
    type="SimCLR",
    encoder=dict(
        type="Encoder",
        backbone=encoders[encoder],
        pool=dict(type="SkeletonPool", persons="valid_mean"),
        projector=dict(type="MLPProjector", out_channels=128)),
    data_preprocessor=dict(type="SkeletonPreprocessor", stream=stream, window=32, views=dict(first=view, second=view)))
