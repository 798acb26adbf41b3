# AimCLR with the slim ST-GCN on PKU-MMD II, cross-subject.
_base_ = ["../_base_/datasets/pku.py", "../_base_/models/aimclr.py", "../_base_/schedules/sgd.py"]
phase = 2
