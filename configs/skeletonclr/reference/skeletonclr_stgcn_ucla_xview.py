# SkeletonCLR to the letter of its release (Li et al., 2021), on NW-UCLA.
_base_ = [
    "../../_base_/datasets/ucla_aimclr50.py",
    "../../_base_/models/skeletonclr_stgcn.py",
    "../../_base_/schedules/sgd_300e.py",
    "../../_base_/probes.py",
    "../../_base_/default_runtime.py",
]
model = dict(
    key_init="reference",
    encoder=dict(
        backbone=dict(layout="kinect20"),
        pool=dict(persons="mean"),
        projector=dict(init_cfg=dict(type="Normal", layer="Linear", std=0.02)),
    ),
    data_preprocessor=dict(layout="kinect20"),
)
default_hooks = dict(checkpoint=dict(save_best="knn/top1"))
