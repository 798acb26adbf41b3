# VAVA (Liu et al., 2022): optimal transport between 20 frames of two videos, as the paper defines its cost.
_base_ = ["../_base_/datasets/synthetic_sequences.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
batch_size = 16
per_group = 4
lr = 1e-3
weight_decay = 1e-5
views = dict(_delete_=True, clip=[dict(type="SampleFrames", num=20, rule="segment_uniform")])
min_match = 0
train_dataloader = dict(batch_sampler=dict(type="GroupBatchSampler", by="label", per_group=per_group))
model = dict(type="VAVA", loss=dict(type="SinkhornPriorLoss", scale="plan"))
