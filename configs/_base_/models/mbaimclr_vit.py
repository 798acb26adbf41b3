# The report's TransAimCLR: MAMP's vanilla transformer, initialised as published there.
_base_ = ["./aimclr_reference.py", "./vit.py"]

model = dict(
    key_init="copy",  # this one is not initialised again
    mining_epoch=None,
    encoder=dict(backbone={{_base_.vit}}, projector=dict(num_layers=1, init_cfg=None)),
)
