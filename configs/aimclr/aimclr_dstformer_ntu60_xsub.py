# AimCLR with DSTformer on NTU RGB+D 60, cross-subject; split=xview: cross-view.
_base_ = ["../_base_/datasets/ntu60.py", "../_base_/models/aimclr.py", "../_base_/schedules/adamw.py"]
backbone = "dstformer"
