# AimCLR with the vanilla transformer on PKU-MMD II, cross-subject.
_base_ = [
    "../_base_/datasets/pku2_xsub.py",
    "../_base_/models/aimclr_vit.py",
    "../_base_/schedules/adamw_300e.py",
    "../_base_/probes.py",
    "../_base_/default_runtime.py",
]
