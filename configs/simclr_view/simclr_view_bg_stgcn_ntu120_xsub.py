# View and distance on NTU RGB+D 120, cross-subject; split=xset: cross-setup:
# SimCLR, the angles about y and z, and the distance.
_base_ = ["../_base_/datasets/ntu120.py", "../_base_/models/view_ntu.py", "../_base_/schedules/lars.py"]
setting = "bg"
preparation = "view"
batch_size = 512
