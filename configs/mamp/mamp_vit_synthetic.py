# MAMP on the built-in world: a plain transformer on patches of 4 frames of a joint, one weakly augmented view.
_base_ = ["../_base_/datasets/synthetic.py", "../_base_/models/synthetic.py", "../_base_/schedules/adamw_synthetic.py"]
backbone = "tokens"
views = "clip"
stream = "joint"
model = dict(type="MAMP", decoder=dict(type="TokenDecoder", embed_dim=64, depth=2, num_heads=2, mlp_ratio=2.0))
