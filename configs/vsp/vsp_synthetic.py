# VSP (Zhang et al., 2023): Brownian bridges through 12 random frames of each video, CARL's network.
_base_ = ["../_base_/datasets/synthetic_sequences.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
lr = 1e-3
weight_decay = 1e-5
max_norm = 10
views = dict(_delete_=True, clip=[dict(type="SampleFrames", num=12, rule="sorted_uniform")])
min_match = 0
in_channels = 75
backbone = dict(
    _delete_=True, type="CARLTransformerHead", in_channels=in_channels, widths=[256, 256], dim=128, hidden_dim=512,
    train_frames=12)  # of a view, as positions are learned
model = dict(type="VSP")
