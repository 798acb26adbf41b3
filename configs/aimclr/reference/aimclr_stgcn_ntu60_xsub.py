# AimCLR to the letter of its release (Guo et al., 2022) on NTU RGB+D 60, cross-subject; split=xview: cross-view.
# stream=bone and stream=motion are its other two streams; extreme_set=paper takes all eight augmentations.
_base_ = ["../../_base_/datasets/ntu60.py", "../../_base_/models/aimclr_ref.py", "../../_base_/schedules/sgd.py"]
