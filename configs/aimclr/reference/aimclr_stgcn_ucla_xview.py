# AimCLR to the letter of its release (Guo et al., 2022) on NW-UCLA: made for forty times as many clips, it learns slowly.
_base_ = [
    "../../_base_/datasets/ucla_aimclr50.py",
    "../../_base_/models/aimclr_stgcn_reference.py",
    "../../_base_/schedules/sgd_300e.py",
    "../../_base_/probes.py",
    "../../_base_/default_runtime.py",
]
model = dict(encoder=dict(backbone=dict(layout="kinect20")), data_preprocessor=dict(layout="kinect20"))
