# VICReg on the built-in world: all but the method is the SimCLR recipe's.
# Weights 25, 25 and 1 and three layers as published; their width is ours, the published 8192 is for ResNet-50.
_base_ = "../simclr/simclr_stgcn_synthetic.py"

model = dict(
    type="VICReg",
    encoder=dict(projector=dict(norm=True, num_layers=3, hidden_channels=512, out_channels=512)),
)
