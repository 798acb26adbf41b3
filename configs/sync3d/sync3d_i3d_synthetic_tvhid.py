# Sync3D on generated videos in minutes on two CPU cores: an eighth of I3D's channels, crops of 48 pixels, 30 epochs.
#   python tools/dataset_converters/make_synthetic.py tvhid data/synthetic_tvhid --num-clips 90 60
_base_ = "./sync3d_i3d_tvhid.py"

data_root = "data/synthetic_tvhid"
source = dict(type="TVHIDSource", data_root=data_root, size=48)
train_dataloader = dict(batch_size=16, num_workers=0, persistent_workers=False, dataset=dict(source=source))
val_dataloader = dict(batch_size=16, num_workers=0, persistent_workers=False, dataset=dict(source=source))
test_dataloader = val_dataloader
model = dict(encoder=dict(backbone=dict(width=0.125), projector=dict(hidden_channels=128)))
optim_wrapper = dict(optimizer=dict(_delete_=True, type="AdamW", lr=1e-3, weight_decay=1e-2))
param_scheduler = dict(milestones=[20, 26])
custom_hooks = [
    dict(
        type="CurriculumHook",
        stages=[
            (0, dict(positive=1, easy=3)),
            (4, dict(positive=2, easy=3, medium=3)),
            (10, dict(positive=1, easy=1, medium=1, hard=1)),
        ],
    )
]
train_cfg = dict(max_epochs=30, val_interval=10)
default_hooks = dict(checkpoint=dict(interval=10))
