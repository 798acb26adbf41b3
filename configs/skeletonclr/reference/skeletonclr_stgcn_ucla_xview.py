# SkeletonCLR to the letter of its release (Li et al., 2021) on NW-UCLA: a queue of 32768
# is 32 epochs of this set.
_base_ = ["../../_base_/datasets/ucla.py", "../../_base_/models/skeletonclr_ref.py", "../../_base_/schedules/sgd.py"]
preparation = "aimclr50"
