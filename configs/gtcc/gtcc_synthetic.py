# GTCC (Donahue and Elhamifar, 2024) with its answer to several activities, a mixture of heads, on the built-in world.
_base_ = ["../_base_/datasets/synthetic_sequences.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
batch_size = 8
per_group = 2
max_norm = 1e-5
lr = 1e-3
views = dict(_delete_=True, clip=[dict(type="SampleFrames", num=20, rule="segment_uniform")])
min_match = 0
projector = dict(_delete_=True, type="MultiHeadNeck", num_heads=13)
train_dataloader = dict(batch_sampler=dict(type="GroupBatchSampler", by="label", per_group=per_group))
model = dict(type="GTCC", loss=dict(type="MixtureCycleLoss", components=5, delta=0.5, gamma=1.0))
