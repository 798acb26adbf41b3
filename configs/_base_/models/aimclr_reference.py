# AimCLR to the letter of its release (Guo et al., 2022): every departure of aimclr.py is undone. A file with a backbone
# inherits this one.
_base_ = "./aimclr.py"

model = dict(
    key_init="reference",
    drop_scope="batch",
    mining=None,
    mining_epoch=150,
    encoder=dict(
        pool=dict(persons="mean"),
        projector=dict(init_cfg=dict(type="Normal", layer="Linear", std=0.02)),
    ),
    data_preprocessor=dict(
        views=dict(
            extreme=[dict(type="AimCLRExtreme", extreme_set="released", blur_normalize=False, keep_absent=False)]
        )
    ),
)
