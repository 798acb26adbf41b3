# CASA (Kwon et al., 2022), on pouring milk of H2O, hands as rotations. As published: a batch of 32, 100 epochs, a rate
# of 3e-4 * 32 / 64.
_base_ = ["../_base_/datasets/h2o_alignment.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
batch_size = 32
lr = 1.5e-4
max_epochs = 100
layout = None
normalize = None
in_channels = 198
move = []
first = []
min_match = 0
model = dict(type="CASA")
