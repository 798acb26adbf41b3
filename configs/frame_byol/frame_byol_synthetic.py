# BYOL of frames (Grill et al., 2020), a baseline of MASA, on the built-in world.
_base_ = ["../_base_/datasets/synthetic_sequences.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
lr = 1e-3
projector = dict(_delete_=True, type="MLPProjector", norm=True)
model = dict(type="FrameBYOL")
