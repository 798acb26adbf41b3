# View and distance on NTU RGB+D 120, cross-subject; split=xset: cross-setup:
# SimCLR, the distance alone.
_base_ = ["../_base_/datasets/ntu120.py", "../_base_/models/view_ntu.py", "../_base_/schedules/lars.py"]
setting = "dist"
preparation = "view"
batch_size = 512
