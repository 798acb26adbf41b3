# SimCLR on the built-in world, by AdamW; SimCLR's own LARS is configs/_base_/schedules/lars.py.
_base_ = ["../_base_/datasets/synthetic.py", "../_base_/models/synthetic.py", "../_base_/schedules/adamw_synthetic.py"]
sync_bn = "torch"
model = dict(type="SimCLR")
