# AimCLR to the letter of its release (Guo et al., 2022) on NTU RGB+D 120, cross-subject; split=xset: cross-setup.
# stream=bone and stream=motion are its other two streams; extreme_set=paper takes all eight augmentations.
_base_ = ["../../_base_/datasets/ntu120.py", "../../_base_/models/aimclr_ref.py", "../../_base_/schedules/sgd.py"]
