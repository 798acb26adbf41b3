# VICReg on the built-in world; encoder, views and schedule, AdamW, are those of SimCLR.
# Weights 25, 25 and 1 and three layers as published; their width is ours, the published 8192 is for ResNet-50.
_base_ = ["../_base_/datasets/synthetic.py", "../_base_/models/synthetic.py", "../_base_/schedules/adamw_synthetic.py"]
sync_bn = "torch"
model = dict(
    type="VICReg",
    encoder=dict(projector=dict(norm=True, num_layers=3, hidden_channels=512, out_channels=512)))
