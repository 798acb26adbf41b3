# SimCLR on the views of Gao, Yang and Du's study: what another camera sees, v' = R (v - d). Angles are drawn from a
# set of six for each axis and clip. Ours, since Gao, Yang and Du leave it open: an angle that is left out is 0; the
# distance is a whole number of meters, and is drawn in the settings of two angles as well. Views are not recentred
# afterwards, which would take the distance out again. Temperature and projector are ours too.
stream = "joint"
setting = "all"
level = "sequence"  # one camera for a clip; "frame": another one for each frame
distance = [0, 1, 2, 3, 4, 5]  # meters along the axis z of the camera; None: the viewpoint alone
_turns = dict(type="ViewDistance", angles=[0, 60, 120, 180, 240, 300], level=level)
_look = dict(_turns, distance=distance, unit=1.0, distance_axis="z", origin_joint="spine")
_settings = dict(
    all=[_look],
    ab=[dict(_look, gamma=0)],
    ag=[dict(_look, beta=0)],
    bg=[dict(_look, alpha=0)],
    dist=[dict(_look, angles=0)])
view = _settings[setting]
# The encoders compared: the slim ST-GCN (64 is the width of Yan et al.), and ResNets on images of 112 x 112, two
# persons in the channels. The size is ours; size=None leaves 25 joints x 64 frames, at an eighth of the cost.
encoder = "stgcn"
_graph = dict(type="STGCN", dropout=0.5, init="normal")
_image = dict(type="SkeletonResNet", num_persons=2, size=112)
_encoders = dict(
    stgcn=dict(_graph, width=16, out_channels=256),
    stgcn32=dict(_graph, width=32, out_channels=256),
    stgcn64=dict(_graph, width=64, out_channels=256),
    stgcn_d6=dict(_graph, channels=[16, 16, 32, 32, 64, 256], strides=[1, 1, 2, 1, 2, 1]),
    resnet18=dict(_image, depth=18),
    resnet18x2=dict(_image, depth=18, width=2.0),
    resnet34=dict(_image, depth=34),
    resnet34x2=dict(_image, depth=34, width=2.0),
    resnet50=dict(_image, depth=50),
    resnet50x2=dict(_image, depth=50, width=2.0))
model = dict(
    type="SimCLR",
    loss=dict(type="NTXentLoss", temperature=0.1),
    encoder=dict(
        type="Encoder",
        backbone=_encoders[encoder],
        pool=dict(type="SkeletonPool", persons="valid_mean"),
        projector=dict(type="MLPProjector", out_channels=128)),
    data_preprocessor=dict(type="SkeletonPreprocessor", stream=stream, views=dict(first=view, second=view)))
