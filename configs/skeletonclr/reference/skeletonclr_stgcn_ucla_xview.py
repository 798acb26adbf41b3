# SkeletonCLR to the letter of its release (Li et al., 2021) on NW-UCLA. A queue of 32768 is 32 epochs of this set.
_base_ = [
    "../../_base_/datasets/ucla_aimclr50.py",
    "../../_base_/models/skeletonclr_reference.py",
    "../../_base_/schedules/sgd_300e.py",
    "../../_base_/probes.py",
    "../../_base_/default_runtime.py",
]
model = dict(encoder=dict(backbone=dict(layout="kinect20")), data_preprocessor=dict(layout="kinect20"))
