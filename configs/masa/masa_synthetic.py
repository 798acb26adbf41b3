# MASA (Kwon et al.), on the built-in world, in less than three minutes on two CPU cores.
_base_ = ["../_base_/datasets/synthetic_sequences.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
loss = dict(type="IndexMatchingLoss", normalize_index=True, denom_min=0.01)
max_epochs = 16
val_interval = 16
model = dict(type="MASA", context=dict(type="CrossContext"), loss=loss)
