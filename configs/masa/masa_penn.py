# MASA (Kwon et al.),
# on 2D joints of Penn Action: one model for all activities, or activities=["golf_swing"] for one of them.
_base_ = ["../_base_/datasets/penn_alignment.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
layout = "penn13"
normalize = "torso2d"
in_channels = 26
repeats = 2
loss = dict(type="IndexMatchingLoss", normalize_index=True, denom_min=0.01)
model = dict(type="MASA", context=dict(type="CrossContext"), loss=loss)
