# S-JEPA on NW-UCLA: transformer, patches and augmentation are those of mamp_vit_ucla_xview.py.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/ucla.py", "../_base_/schedules/adamw_ucla.py"]
backbone = "tokens"
views = "clip"
stream = "joint"
batch_size = 32
max_epochs = 200
val_interval = 50
model = dict(type="SJEPA", decoder=dict(type="TokenDecoder", embed_dim=64, depth=2, num_heads=4, mlp_ratio=2.0))
