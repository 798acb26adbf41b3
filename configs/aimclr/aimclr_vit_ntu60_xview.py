# AimCLR with the vanilla transformer on NTU RGB+D 60, cross-view.
_base_ = [
    "../_base_/datasets/ntu60_xview.py",
    "../_base_/models/aimclr_vit.py",
    "../_base_/schedules/adamw_300e.py",
    "../_base_/probes.py",
    "../_base_/default_runtime.py",
]
