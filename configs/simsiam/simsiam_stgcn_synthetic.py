# SimSiam on the built-in world; encoder, views and schedule, AdamW, are those of SimCLR.
# Three normalized layers as published; their width is ours, the published 2048 is for ResNet-50. The release's last
# normalization has no weights; this one has.
_base_ = ["../_base_/datasets/synthetic.py", "../_base_/models/synthetic.py", "../_base_/schedules/adamw_synthetic.py"]
sync_bn = "torch"
model = dict(
    type="SimSiam",
    encoder=dict(projector=dict(norm=True, norm_last=True, num_layers=3, hidden_channels=512, out_channels=512)))
