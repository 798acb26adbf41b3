# Barlow Twins on the built-in world; encoder, views and schedule, AdamW, are those of SimCLR.
# Three normalized layers as published; width and weight are ours: the published 8192 and 0.005 go together, and fewer
# dimensions make fewer products to weigh.
_base_ = ["../_base_/datasets/synthetic.py", "../_base_/models/synthetic.py", "../_base_/schedules/adamw_synthetic.py"]
sync_bn = "torch"
model = dict(
    type="BarlowTwins", redundancy_weight=0.01,
    encoder=dict(projector=dict(norm=True, num_layers=3, hidden_channels=512, out_channels=512)))
