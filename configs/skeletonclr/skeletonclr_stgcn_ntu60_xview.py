# SkeletonCLR with the slim ST-GCN on NTU RGB+D 60, cross-view.
_base_ = [
    "../_base_/datasets/ntu60_xview.py",
    "../_base_/models/skeletonclr_stgcn.py",
    "../_base_/schedules/sgd_300e.py",
    "../_base_/probes.py",
    "../_base_/default_runtime.py",
]
