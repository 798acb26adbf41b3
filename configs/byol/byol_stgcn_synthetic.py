# BYOL on the built-in world; encoder, views and schedule, AdamW, are those of SimCLR.
# Momentum and widths are ours, for a short run: the published 0.996 is for a thousand epochs of ImageNet, 4096-256 for
# ResNet-50.
_base_ = ["../_base_/datasets/synthetic.py", "../_base_/models/synthetic.py", "../_base_/schedules/adamw_synthetic.py"]
sync_bn = "torch"
model = dict(type="BYOL", momentum=0.99, encoder=dict(projector=dict(norm=True, hidden_channels=512, out_channels=256)))
