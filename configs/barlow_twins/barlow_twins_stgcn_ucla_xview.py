# Barlow Twins on NW-UCLA: all but the method is the SimCLR recipe's.
# Three normalised layers as published; width and weight are ours: the published 8192 and 0.005 go together, and fewer
# dimensions make fewer products to weigh.
_base_ = "../simclr/simclr_stgcn_ucla_xview.py"

model = dict(
    type="BarlowTwins",
    redundancy_weight=0.01,
    encoder=dict(projector=dict(norm=True, num_layers=3, hidden_channels=512, out_channels=512)),
)
