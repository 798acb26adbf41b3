# SimSiam of frames (Chen and He, 2021), a baseline of MASA, on the built-in world.
_base_ = ["../_base_/datasets/synthetic_sequences.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
lr = 1e-3
projector = dict(_delete_=True, type="AlignProjector", num_layers=3)
model = dict(type="FrameSimSiam")
