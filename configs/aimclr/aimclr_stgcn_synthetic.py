# The first run: AimCLR on the built-in world, under three minutes on two CPU cores.
_base_ = [
    "../_base_/datasets/synthetic.py",
    "../_base_/models/aimclr_stgcn.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/probes.py",
    "../_base_/default_runtime.py",
]
normal = [
    dict(type="RandomCropResize", scale=(0.5, 1.0), size=32),
    dict(type="RandomRotation", max_degrees=(10, 180, 10)),
    dict(type="Shear", amplitude=0.2),
    dict(type="RandomScale", scale=(0.8, 1.2)),
    dict(type="Mirror"),
]
extreme = [*normal, dict(type="GaussianNoise", std=0.02), dict(type="JointMask", ratio=0.2)]
model = dict(
    queue_size=512,
    momentum=0.99,
    temperature=0.1,
    mining=None,
    encoder=dict(
        backbone=dict(
            width=None,  # channels says it all
            out_channels=None,
            channels=[32, 48, 96],
            strides=[2, 2, 1],
            temporal_kernel=5,
            in_channels=6,
            dropout=0.0,
            init="torch",
        ),
    ),
    data_preprocessor=dict(
        stream="joint+motion",
        window=32,
        views=dict(_delete_=True, query=normal, key=normal, extreme=extreme),
    ),
)
train_cfg = dict(max_epochs=20, val_interval=4)
default_hooks = dict(checkpoint=dict(save_best="knn/top1", interval=4))
