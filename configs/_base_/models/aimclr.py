# AimCLR (Guo et al., 2022), on any backbone: SkeletonCLR and what makes it AimCLR.
# Against the release: the key encoder starts as a copy, absent persons neither count nor cost, attention drop rescales
# each person alone, the blur keeps the clip's size, and mining is gated.
# configs/aimclr/reference has the release to the letter.

_base_ = "./skeletonclr.py"

model = dict(
    type="AimCLR",
    d3m_weight=0.5,
    drop_threshold=0.7,
    mining=dict(start_epoch=150),
    data_preprocessor=dict(views=dict(extreme=[dict(type="AimCLRExtreme", extreme_set="released")])),
)
