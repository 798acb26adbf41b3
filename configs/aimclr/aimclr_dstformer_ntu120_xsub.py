# AimCLR with DSTformer on NTU RGB+D 120, cross-subject.
_base_ = [
    "../_base_/datasets/ntu120_xsub.py",
    "../_base_/models/aimclr_dstformer.py",
    "../_base_/schedules/adamw_300e.py",
    "../_base_/probes.py",
    "../_base_/default_runtime.py",
]
