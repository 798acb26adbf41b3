# R3D-18 (Tran et al., 2018) and one layer, on crops of 112 pixels; a config sets model.head.num_classes.
model = dict(
    type="Classifier",
    encoder=dict(type="Encoder", backbone=dict(type="VideoResNet", variant="r3d"), pool=dict(type="VideoPool")),
    head=dict(type="LinearHead", dropout=0.5),
    data_preprocessor=dict(
        type="VideoPreprocessor",
        views=dict(
            clip=[
                dict(type="VideoCropResize", scale=(0.5, 1.0)),
                dict(type="VideoFlip"),
                dict(type="ColorJitter", brightness=0.2, contrast=0.2),
            ]
        ),
        size=112,
        test_crop=0.875))
