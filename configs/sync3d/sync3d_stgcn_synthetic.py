# The first run of Sync3D: two skeletons of the built-in world, three minutes on two CPU cores. Easy negatives first, hard
# ones from epoch 5 on.
_base_ = [
    "../_base_/datasets/synthetic_pairs.py",
    "../_base_/models/sync3d_skeleton.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/pair_probes_skeleton.py",
    "../_base_/default_runtime.py",
]
model = dict(
    encoder=dict(
        backbone=dict(
            type="STGCN", layout="ntu25", in_channels=6, channels=[32, 48, 96], strides=[2, 2, 1], temporal_kernel=5
        )
    )
)
custom_hooks = [
    dict(
        type="CurriculumHook",
        stages=[(0, dict(positive=1, easy=3)), (5, dict(positive=1, easy=2, hard=1))],
    )
]
train_cfg = dict(max_epochs=15, val_interval=5)
default_hooks = dict(checkpoint=dict(interval=5, save_best="pairs/auc"))
