# Barlow Twins on NW-UCLA; encoder, views and schedule are those of SimCLR: AdamW. Published for images:
# LARS at 0.2 * N / 256 for N = 2048.
# Three normalized layers as published; width and weight are ours: the published 8192 and 0.005 go together, and fewer
# dimensions make fewer products to weigh.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/ucla.py", "../_base_/schedules/adamw_ucla.py"]
sync_bn = "torch"
model = dict(
    type="BarlowTwins", redundancy_weight=0.01,
    encoder=dict(projector=dict(norm=True, num_layers=3, hidden_channels=512, out_channels=512)))
