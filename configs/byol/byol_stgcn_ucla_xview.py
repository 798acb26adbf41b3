# BYOL on NW-UCLA; encoder, views and schedule are those of SimCLR: AdamW. Published for images:
# LARS at 0.2 * N / 256 for N = 4096.
# Momentum and widths are ours, for a short run: the published 0.996 is for a thousand epochs of ImageNet, 4096-256 for
# ResNet-50.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/ucla.py", "../_base_/schedules/adamw_ucla.py"]
sync_bn = "torch"
model = dict(type="BYOL", momentum=0.99, encoder=dict(projector=dict(norm=True, hidden_channels=512, out_channels=256)))
