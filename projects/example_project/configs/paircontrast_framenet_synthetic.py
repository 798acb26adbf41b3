# SimCLR with a backbone of one's own on built-in data.
_base_ = ["../../../configs/_base_/datasets/synthetic.py"]
custom_imports = dict(imports=["projects.example_project.components"])

temperature = 0.1
num_epochs = 10
source = dict(num_clips=(600, 240))
pipeline = [dict(type="CenterOnJoint"), dict(type="ResizeClip", length=64), dict(type="PackSkeleton")]
train_dataloader = dict(batch_size=64)
val_dataloader = dict(batch_size=120)
test_dataloader = val_dataloader

view = [
    dict(type="RandomCropResize", scale=(0.5, 1.0)),
    dict(type="RandomRotation", max_degrees=(0, 60, 0)),
    dict(type="Shear"),
]
model = dict(
    type="PairContrast",
    temperature=temperature,
    data_preprocessor=dict(type="SkeletonPreprocessor", views=dict(first=view, second=view)),
    encoder=dict(
        type="Encoder",
        backbone=dict(type="FrameNet", width=128),
        pool=dict(type="SkeletonPool", persons="valid_mean"),
        projector=dict(type="MLPProjector", out_channels=64),
    ),
)

optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="AdamW", lr=1e-3, weight_decay=1e-4))
param_scheduler = dict(type="CosineAnnealingLR", by_epoch=True, convert_to_iter_based=True)
train_cfg = dict(by_epoch=True, max_epochs=num_epochs, val_interval=5)
default_hooks = dict(checkpoint=dict(interval=num_epochs, max_keep_ckpts=1))
