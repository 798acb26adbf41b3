# SkeleMixCLR on NTU RGB+D 60, cross-subject, as released (Chen et al., 2022); split=xview: cross-view, stream=bone and
# stream=motion: its other streams. "3 repeats" is read as three mixed versions of each clip a step, averaged.
_base_ = ["../_base_/datasets/ntu60.py", "../_base_/models/skeletonclr_ref.py", "../_base_/schedules/sgd.py"]
length = 64
model = dict(type="SkeleMixCLR", temperature=0.2, repeats=3)
param_scheduler = dict(milestones=[300])
