# AimCLR on NW-UCLA, the recipe for a small set: a short queue (a long one is full of other epochs' copies of the same
# 1020 clips), a wide and shallow ST-GCN on half the frames, views that turn and mirror, AdamW.
_base_ = [
    "../_base_/datasets/ucla_xview.py",
    "../_base_/models/aimclr_stgcn.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/probes.py",
    "../_base_/default_runtime.py",
]
normal = [
    dict(type="RandomCropResize", scale=(0.5, 1.0), size=32),
    dict(type="Mirror"),
    dict(type="RandomRotation", max_degrees=(10, 45, 10)),
    dict(type="Shear", amplitude=0.1),
    dict(type="RandomScale", scale=(0.9, 1.1)),
    dict(type="GaussianNoise", std=0.005),
    dict(type="JointMask", ratio=0.1, prob=0.3),
]
extreme = [
    dict(type="RandomCropResize", scale=(0.35, 1.0), size=32),
    dict(type="Mirror"),
    dict(type="SpatialFlip", prob=0.2),
    dict(type="RandomRotation", max_degrees=(20, 60, 20)),
    dict(type="Shear", amplitude=0.3),
    dict(type="RandomScale", scale=(0.8, 1.2)),
    dict(type="GaussianBlur", sigma=(0.5, 2.0)),
    dict(type="GaussianNoise", std=0.01, prob=1.0),
    dict(type="AxisMask", prob=0.2),
    dict(type="JointMask", ratio=0.2, prob=0.5),
]
model = dict(
    queue_size=512,
    momentum=0.99,
    temperature=0.15,
    d3m_weight=0.25,
    mining=None,
    encoder=dict(
        backbone=dict(
            width=None,  # channels says it all
            out_channels=None,
            layout="kinect20",
            in_channels=9,
            channels=[64, 64, 128, 256],
            strides=[2, 1, 2, 1],
            dropout=0.0,
            init="torch",
        ),
    ),
    data_preprocessor=dict(
        layout="kinect20",
        stream="joint+bone+motion",
        recenter=True,
        window=32,
        views=dict(_delete_=True, query=normal, key=normal, extreme=extreme),
    ),
)
train_dataloader = dict(batch_size=64)
train_cfg = dict(max_epochs=200, val_interval=20)  # KNN still gains 3 points after epoch 100
optim_wrapper = dict(type="AutocastOptimWrapper", optimizer=dict(lr=1.5e-3))
param_scheduler = dict(eta_max=1.5e-3)
default_hooks = dict(checkpoint=dict(interval=20, save_best="knn/top1"))
