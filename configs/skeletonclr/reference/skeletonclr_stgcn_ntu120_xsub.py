# SkeletonCLR to the letter of its release (Li et al., 2021) on NTU RGB+D 120, cross-subject; split=xset: cross-setup.
_base_ = ["../../_base_/datasets/ntu120.py", "../../_base_/models/skeletonclr_ref.py", "../../_base_/schedules/sgd.py"]
