# BYOL on NW-UCLA: all but the method is the SimCLR recipe's.
# Momentum and widths are ours, for a short run: the published 0.996 is for a thousand epochs of ImageNet, 4096-256 for
# ResNet-50.
_base_ = "../simclr/simclr_stgcn_ucla_xview.py"

model = dict(
    type="BYOL",
    momentum=0.99,
    encoder=dict(projector=dict(norm=True, hidden_channels=512, out_channels=256)),
)
