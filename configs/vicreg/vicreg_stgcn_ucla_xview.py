# VICReg on NW-UCLA; encoder, views and schedule are those of SimCLR: AdamW. Published for images:
# LARS at 0.2 * N / 256 for N = 2048.
# Weights 25, 25 and 1 and three layers as published; their width is ours, the published 8192 is for ResNet-50.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/ucla.py", "../_base_/schedules/adamw_ucla.py"]
sync_bn = "torch"
model = dict(
    type="VICReg",
    encoder=dict(projector=dict(norm=True, num_layers=3, hidden_channels=512, out_channels=512)))
