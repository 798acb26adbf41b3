# SimCLR with a transformer on NW-UCLA.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/ucla.py", "../_base_/schedules/adamw_ucla.py"]
backbone = "vit"
lr = 1e-3
sync_bn = "torch"
model = dict(type="SimCLR")
