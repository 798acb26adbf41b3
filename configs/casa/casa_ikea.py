# CASA (Kwon et al., 2022), on IKEA ASM, 17 joints in 3D, which are not moved. As published: a batch of 4, 100 epochs, a
# rate of 3e-2 * 4 / 64.
_base_ = ["../_base_/datasets/ikea_alignment.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
lr = 1.9e-3
max_epochs = 100
layout = "coco17"
normalize = "ikea17"
in_channels = 51
move = []
first = []
min_match = 0
model = dict(type="CASA")
