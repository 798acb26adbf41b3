# AimCLR to the letter of its release (Guo et al., 2022) on NW-UCLA: made for forty times as many clips,
# it learns slowly.
_base_ = ["../../_base_/datasets/ucla.py", "../../_base_/models/aimclr_ref.py", "../../_base_/schedules/sgd.py"]
preparation = "aimclr50"
