# CARL (Chen et al., 2022): 80 frames of each view, a transformer of half the published width,
# on 2D joints of Penn Action: one model for all activities, or activities=["golf_swing"] for one of them.
_base_ = ["../_base_/datasets/penn_alignment.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
layout = "penn13"
normalize = "torso2d"
in_channels = 26
repeats = 2
lr = 1e-3
weight_decay = 1e-5
max_norm = 10
drop = [dict(type="SampleFrames", num=80, rule="carl")]
min_match = 0
backbone = dict(
    _delete_=True, type="CARLTransformerHead", in_channels=in_channels, widths=[256, 256], dim=128, hidden_dim=512)
projector = dict(_delete_=True, type="MLPProjector", hidden_channels=128, norm=True)
model = dict(type="CARL")
