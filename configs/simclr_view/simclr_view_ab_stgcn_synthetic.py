# View and distance on the built-in world, in small: the angles about x and y, and the distance.
_base_ = [
    "../_base_/datasets/synthetic.py",
    "../_base_/models/view_synthetic.py",
    "../_base_/schedules/adamw_synthetic.py",
]
setting = "ab"
origin = "spine"
