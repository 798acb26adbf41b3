# HiCLR on NTU RGB+D 60, cross-subject, as released (Zhang et al., 2023); split=xview: cross-view, stream=bone and
# stream=motion: its other streams. The released code stores the masked joints' number; where it starts is ours.
_base_ = ["../_base_/datasets/ntu60.py", "../_base_/models/skeletonclr_ref.py", "../_base_/schedules/sgd.py"]
extreme = [dict(type="AimCLRExtreme", extreme_set="released", blur_normalize=False, keep_absent=False)]
model = dict(
    type="HiCLR", d3m_weight=0.5, mask_ratio=0.1, mining_epoch=150,
    data_preprocessor=dict(views=dict(normal=extreme, masked=extreme)))
