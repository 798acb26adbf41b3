# TCC (Dwibedi et al., 2019): 20 random frames of four videos of each activity, mean squared error over variance.
_base_ = ["../_base_/datasets/synthetic_sequences.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
batch_size = 16
per_group = 4
lr = 1e-3
weight_decay = 1e-5
views = dict(_delete_=True, clip=[dict(type="SampleFrames", num=20, rule="offset_uniform")])
min_match = 0
train_dataloader = dict(batch_sampler=dict(type="GroupBatchSampler", by="label", per_group=per_group))
model = dict(type="TCC")
