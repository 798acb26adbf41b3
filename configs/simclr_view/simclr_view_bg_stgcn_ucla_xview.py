# View and distance on NW-UCLA, cross-view, in small: the angles about y and z, and the distance.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/view_ucla.py", "../_base_/schedules/adamw_ucla.py"]
setting = "bg"
preparation = "view"
max_epochs = 60
