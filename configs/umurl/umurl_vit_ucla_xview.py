# UmURL on NW-UCLA: one transformer of joints, bones and motion together, and of each alone.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/ucla.py", "../_base_/schedules/adamw_ucla.py"]
backbone = "vit"
batch_size = 64
sync_bn = "torch"
lr = 1e-3
model = dict(
    type="UmURL",
    projector=dict(type="MLPProjector", norm=True, num_layers=3, hidden_channels=512, out_channels=512),
    encoder=dict(projector=None))
