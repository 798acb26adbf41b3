# AimCLR with DSTformer on NTU RGB+D 120, cross-subject; split=xset: cross-setup.
_base_ = ["../_base_/datasets/ntu120.py", "../_base_/models/aimclr.py", "../_base_/schedules/adamw.py"]
backbone = "dstformer"
