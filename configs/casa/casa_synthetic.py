# CASA (Kwon et al., 2022): eight layers, the first view is the whole sequence, on the built-in world.
_base_ = ["../_base_/datasets/synthetic_sequences.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
lr = 3e-4
first = []
min_match = 0
model = dict(type="CASA")
