# AimCLR with the slim ST-GCN on PKU-MMD I, cross-subject; phase=2: PKU-MMD II.
_base_ = ["../_base_/datasets/pku.py", "../_base_/models/aimclr.py", "../_base_/schedules/sgd.py"]
phase = 1
