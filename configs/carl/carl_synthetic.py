# CARL (Chen et al., 2022): 80 frames of each view, a transformer of half the published width, on the built-in world.
_base_ = ["../_base_/datasets/synthetic_sequences.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
lr = 1e-3
weight_decay = 1e-5
max_norm = 10
drop = [dict(type="SampleFrames", num=80, rule="carl")]
min_match = 0
in_channels = 75
backbone = dict(
    _delete_=True, type="CARLTransformerHead", in_channels=in_channels, widths=[256, 256], dim=128, hidden_dim=512)
projector = dict(_delete_=True, type="MLPProjector", hidden_channels=128, norm=True)
model = dict(type="CARL")
