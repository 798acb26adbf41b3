# The first run of Sync3D: two skeletons of the built-in world, three minutes on two CPU cores. Easy negatives first,
# hard ones from epoch 5 on.
_base_ = [
    "../_base_/datasets/synthetic_pairs.py",
    "../_base_/models/sync3d_synthetic.py",
    "../_base_/schedules/adamw_sync3d.py",
]
max_epochs = 15
val_interval = 5
hard_from = 5
