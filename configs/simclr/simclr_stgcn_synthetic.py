# SimCLR on the built-in world.
_base_ = ["../_base_/datasets/synthetic.py", "../_base_/models/synthetic.py", "../_base_/schedules/adamw_synthetic.py"]
sync_bn = "torch"
model = dict(type="SimCLR")
