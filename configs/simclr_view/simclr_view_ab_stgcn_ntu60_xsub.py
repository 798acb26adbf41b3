# View and distance on NTU RGB+D 60, cross-subject; split=xview: cross-view:
# SimCLR, the angles about x and y, and the distance.
_base_ = ["../_base_/datasets/ntu60.py", "../_base_/models/view_ntu.py", "../_base_/schedules/lars.py"]
setting = "ab"
preparation = "view"
batch_size = 512
