# MAMP on NW-UCLA: a small transformer on patches of 4 frames of a joint; crop, mirror and rotation as augmentation. Bones
# and motion are seen, too; predicted is the motion of joints. The mask was chosen on views 1 and 2 alone.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/ucla.py", "../_base_/schedules/adamw_ucla.py"]
backbone = "tokens"
views = "clip"
batch_size = 32
max_epochs = 200
val_interval = 50
_decoder = dict(type="TokenDecoder", embed_dim=64, depth=2, num_heads=4, mlp_ratio=2.0)
model = dict(type="MAMP", mask_ratio=0.75, decoder=_decoder)
