# SimCLR with a backbone of one's own on built-in data; what is taken from mmsync stands in the bases.
_base_ = ["../../../configs/_base_/default_runtime.py", "../../../configs/_base_/probes.py"]
custom_imports = dict(imports=["projects.example_project.components"])

temperature = 0.1
num_epochs = 10
source = dict(type="SyntheticSource", num_clips=(600, 240))
pipeline = [dict(type="CenterOnJoint"), dict(type="ResizeClip", length=64), dict(type="PackSkeleton")]

train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    drop_last=True,  # negatives come from the batch, so each has the same number
    dataset=dict(type="SkeletonDataset", source=source, pipeline=pipeline, split="train", cache=True),
    sampler=dict(type="EpochSampler", shuffle=True),
    collate_fn=dict(type="motion_collate"),
)
val_dataloader = dict(
    batch_size=120,
    num_workers=0,
    dataset=dict(
        type="SkeletonDataset", source=source, pipeline=pipeline, roles=dict(bank="train", query="test"), cache=True
    ),
    sampler=dict(type="EpochSampler", shuffle=False),
    collate_fn=dict(type="motion_collate"),
)
test_dataloader = val_dataloader

view = [
    dict(type="RandomCropResize", scale=(0.5, 1.0)),
    dict(type="RandomRotation", max_degrees=(0, 60, 0)),
    dict(type="Shear"),
]
model = dict(
    type="PairContrast",
    temperature=temperature,
    data_preprocessor=dict(type="SkeletonPreprocessor", layout="ntu25", views=dict(first=view, second=view)),
    encoder=dict(
        type="Encoder",
        backbone=dict(type="FrameNet", layout="ntu25", width=128),
        pool=dict(type="SkeletonPool", persons="valid_mean"),
        projector=dict(type="MLPProjector", out_channels=64),
    ),
)

optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="AdamW", lr=1e-3, weight_decay=1e-4))
param_scheduler = dict(
    type="CosineAnnealingLR", T_max=num_epochs, end=num_epochs, by_epoch=True, convert_to_iter_based=True
)
train_cfg = dict(by_epoch=True, max_epochs=num_epochs, val_interval=5)
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(checkpoint=dict(interval=num_epochs, max_keep_ckpts=1))
