# MASA (Kwon et al.), on pouring milk of H2O, whose 10 phases are in CASA's archives, with hands as rotations: position
# and 16 x 6 numbers a hand. Nothing moves joints, as there are none. As published: a batch of 16, 150 epochs.
_base_ = ["../_base_/datasets/h2o_alignment.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
layout = None
normalize = None
in_channels = 198
move = []
max_epochs = 150
loss = dict(type="IndexMatchingLoss", normalize_index=True, denom_min=0.01)
model = dict(type="MASA", context=dict(type="CrossContext"), loss=loss)
