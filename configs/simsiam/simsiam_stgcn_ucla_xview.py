# SimSiam on NW-UCLA; encoder, views and schedule are those of SimCLR: AdamW. Published for images:
# SGD at 0.05 * N / 256.
# Three normalized layers as published; their width is ours, the published 2048 is for ResNet-50. The release's last
# normalization has no weights; this one has.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/ucla.py", "../_base_/schedules/adamw_ucla.py"]
sync_bn = "torch"
model = dict(
    type="SimSiam",
    encoder=dict(projector=dict(norm=True, norm_last=True, num_layers=3, hidden_channels=512, out_channels=512)))
