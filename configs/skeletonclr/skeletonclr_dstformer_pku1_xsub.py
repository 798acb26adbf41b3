# SkeletonCLR with DSTformer on PKU-MMD I, cross-subject.
_base_ = [
    "../_base_/datasets/pku1_xsub.py",
    "../_base_/models/skeletonclr_dstformer.py",
    "../_base_/schedules/adamw_300e.py",
    "../_base_/probes.py",
    "../_base_/default_runtime.py",
]
