# CASA (Kwon et al., 2022): eight layers, the first view is the whole sequence,
# on 2D joints of Penn Action: one model for all activities, or activities=["golf_swing"] for one of them.
_base_ = ["../_base_/datasets/penn_alignment.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
layout = "penn13"
normalize = "torso2d"
in_channels = 26
repeats = 2
lr = 3e-4
first = []
min_match = 0
model = dict(type="CASA")
