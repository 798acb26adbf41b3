# MASA (Kwon et al.), on the built-in world.
_base_ = ["../_base_/datasets/synthetic_sequences.py", "../_base_/models/masa.py", "../_base_/schedules/alignment.py"]
