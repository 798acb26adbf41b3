# SkeletonCLR to the letter of its release (Li et al., 2021) on NTU RGB+D 60, cross-subject; split=xview: cross-view.
_base_ = ["../../_base_/datasets/ntu60.py", "../../_base_/models/skeletonclr_ref.py", "../../_base_/schedules/sgd.py"]
