# AimCLR (Guo et al., 2022), on any backbone: SkeletonCLR and what makes it AimCLR.
# Against the release: the key encoder starts as a copy, absent persons neither count nor cost, attention drop rescales
# each person alone, and the blur keeps the clip's size. configs/aimclr/reference has the release to the letter.

_base_ = "./skeletonclr.py"

model = dict(
    type="AimCLR",
    d3m_weight=0.5,
    drop_threshold=0.7,
    mining_epoch=150,
    mining_topk=1,
    data_preprocessor=dict(views=dict(extreme=[dict(type="AimCLRExtreme", extreme_set="released")])),
)
