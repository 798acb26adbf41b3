# SkeletonCLR with the slim ST-GCN on NTU RGB+D 60, cross-subject; split=xview: cross-view.
_base_ = ["../_base_/datasets/ntu60.py", "../_base_/models/skeletonclr.py", "../_base_/schedules/sgd.py"]
