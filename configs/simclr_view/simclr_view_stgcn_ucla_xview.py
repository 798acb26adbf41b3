# View-invariant SimCLR on NW-UCLA, the recipe that came out of the study: any turn about the upright axis and a little
# about the others, and beside it what the small set needs: crop, mirror, shear, scale, noise and masked joints.
_base_ = "./simclr_view_all_stgcn_ucla_xview.py"

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
    dict(type="JointMask", ratio=0.1, prob=0.3),
]
model = dict(data_preprocessor=dict(views=dict(first=view, second=view)))
train_cfg = dict(max_epochs=100)
