# TCC (Dwibedi et al., 2019): 20 random frames of four videos of each activity, mean squared error over variance,
# on 2D joints of Penn Action: one model for all activities, or activities=["golf_swing"] for one of them.
_base_ = ["../_base_/datasets/penn_alignment.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
layout = "penn13"
normalize = "torso2d"
in_channels = 26
repeats = 2
batch_size = 16
per_group = 4
lr = 1e-3
weight_decay = 1e-5
views = dict(_delete_=True, clip=[dict(type="SampleFrames", num=20, rule="offset_uniform")])
min_match = 0
train_dataloader = dict(batch_sampler=dict(type="GroupBatchSampler", by="label", per_group=per_group))
model = dict(type="TCC")
