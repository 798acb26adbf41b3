# Sync3D on generated videos in minutes on two CPU cores: the first layers of I3D with a quarter of their channels, crops of
# 48 pixels, 12 epochs of 1600 pairs. Frames are differences: from scratch, I3D hardly finds motion in colours in that time.
#   python tools/dataset_converters/make_synthetic.py tvhid data/synthetic_tvhid --num-clips 150 150
_base_ = "./sync3d_i3d_tvhid.py"

data_root = "data/synthetic_tvhid"
source = dict(type="TVHIDSource", data_root=data_root, size=48)
train_dataloader = dict(batch_size=16, num_workers=0, persistent_workers=False, dataset=dict(source=source, size=1600))
val_dataloader = dict(batch_size=32, num_workers=0, persistent_workers=False, dataset=dict(source=source, size=400))
test_dataloader = dict(batch_size=32, num_workers=0, persistent_workers=False, dataset=dict(source=source, size=3000))
model = dict(
    encoder=dict(backbone=dict(width=0.25, endpoint="Mixed_4c"), projector=dict(hidden_channels=128)),
    data_preprocessor=dict(difference=True),
)
optim_wrapper = dict(optimizer=dict(_delete_=True, type="AdamW", lr=1e-3, weight_decay=1e-2))
param_scheduler = dict(_delete_=True, type="CosineAnnealingLR", T_max=12, by_epoch=True, convert_to_iter_based=True)
custom_hooks = [
    dict(
        type="CurriculumHook",
        stages=[
            (0, dict(positive=1, easy=3)),
            (2, dict(positive=2, easy=3, medium=3)),
            (5, dict(positive=1, easy=1, medium=1, hard=1)),
        ],
    )
]
test_evaluator = [
    dict(type="PairVerification"),
    dict(
        type="PairProbe",
        knn=dict(k=[5, 1], standardize=True),
        linear=dict(epochs=100, lr=0.1, milestones=[80], weight_decay=1e-2, standardize=True),  # of 150 videos
    ),
]
train_cfg = dict(max_epochs=12, val_interval=4)
default_hooks = dict(checkpoint=dict(interval=4))
