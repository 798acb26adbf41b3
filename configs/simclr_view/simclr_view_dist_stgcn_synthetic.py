# View and distance on the built-in world, in small: the distance alone.
_base_ = [
    "../_base_/datasets/synthetic.py",
    "../_base_/models/view_synthetic.py",
    "../_base_/schedules/adamw_synthetic.py",
]
setting = "dist"
origin = "spine"
