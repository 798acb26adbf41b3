# MASA (Kwon et al.), on IKEA ASM, 17 joints in 3D; background is dropped in evaluation. As published: a batch of 4, 150
# epochs.
_base_ = ["../_base_/datasets/ikea_alignment.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
layout = "coco17"
normalize = "ikea17"
in_channels = 51
max_epochs = 150
loss = dict(type="IndexMatchingLoss", normalize_index=True, denom_min=0.01)
model = dict(type="MASA", context=dict(type="CrossContext"), loss=loss)
