# S-JEPA on NW-UCLA: transformer, streams, patches, mask ratio and views are those of mamp_vit_ucla_xview.py.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/ucla.py", "../_base_/schedules/adamw_ucla.py"]
backbone = "tokens"
views = "clip"
batch_size = 32
max_epochs = 200
val_interval = 50
_decoder = dict(type="TokenDecoder", embed_dim=64, depth=2, num_heads=4, mlp_ratio=2.0)
model = dict(type="SJEPA", mask_ratio=0.75, decoder=_decoder)
