# View and distance on NTU RGB+D 120, cross-subject; split=xset: cross-setup:
# SimCLR, the angles about x and z, and the distance.
_base_ = ["../_base_/datasets/ntu120.py", "../_base_/models/view_ntu.py", "../_base_/schedules/lars.py"]
setting = "ag"
preparation = "view"
batch_size = 512
