# SimSiam on the built-in world: all but the method is the SimCLR recipe's.
# Three normalised layers as published; their width is ours, the published 2048 is for ResNet-50.
_base_ = "../simclr/simclr_stgcn_synthetic.py"

model = dict(
    type="SimSiam",
    encoder=dict(projector=dict(norm=True, norm_last=True, num_layers=3, hidden_channels=512, out_channels=512)),
)
