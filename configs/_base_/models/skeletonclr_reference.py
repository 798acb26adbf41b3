# SkeletonCLR to the letter of its release (Li et al., 2021): every departure of skeletonclr.py is undone.
_base_ = "./skeletonclr_stgcn.py"

model = dict(
    key_init="reference",
    encoder=dict(
        pool=dict(persons="mean"),
        projector=dict(init_cfg=dict(type="Normal", layer="Linear", std=0.02)),
    ),
)
