# AimCLR with the slim ST-GCN on PKU-MMD I, cross-subject.
_base_ = [
    "../_base_/datasets/pku1_xsub.py",
    "../_base_/models/aimclr_stgcn.py",
    "../_base_/schedules/sgd_300e.py",
    "../_base_/probes.py",
    "../_base_/default_runtime.py",
]
