# SkeletonCLR with DSTformer on PKU-MMD I, cross-subject; phase=2: PKU-MMD II.
_base_ = ["../_base_/datasets/pku.py", "../_base_/models/skeletonclr.py", "../_base_/schedules/adamw.py"]
phase = 1
backbone = "dstformer"
