# AimCLR to the letter of its release (Guo et al., 2022) on NTU RGB+D 60, cross-subject.
_base_ = [
    "../../_base_/datasets/ntu60_xsub.py",
    "../../_base_/models/aimclr_stgcn_reference.py",
    "../../_base_/schedules/sgd_300e.py",
    "../../_base_/probes.py",
    "../../_base_/default_runtime.py",
]
