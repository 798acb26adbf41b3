# View-invariant SimCLR on NW-UCLA, the recipe of docs/view_and_distance.md: any turn about the upright axis, a little
# about the others, and beside it what the small set needs: crop, mirror, shear, scale, noise and masked joints.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/view_ucla.py", "../_base_/schedules/adamw_ucla.py"]
preparation = "view"
view = [
    dict(type="RandomCropResize", scale=(0.5, 1.0), size=32),
    dict(
        type="ViewDistance",
        alpha=dict(low=-15, high=15),
        beta=dict(low=-180, high=180),
        gamma=dict(low=-15, high=15),
        distance=None,
        origin_joint="spine",
    ),
    dict(type="Mirror"),
    dict(type="Shear", amplitude=0.1),
    dict(type="RandomScale", scale=(0.9, 1.1)),
    dict(type="GaussianNoise", std=0.005),
    dict(type="JointMask", ratio=0.1, prob=0.3)]
