_base_ = ["../_base_/datasets/synthetic_av.py", "../_base_/models/avts.py", "../_base_/schedules/avts.py"]
size = 48
width = 0.125
widths = [16, 32, 64, 128]
hidden_channels = 128
mix = dict(_delete_=True, positive=1)
max_epochs = 12
val_interval = 4
model = dict(type="GDT", data_preprocessor=dict(parts=dict(video=dict(difference=True))))
optim_wrapper = dict(optimizer=dict(_delete_=True, type="AdamW", lr=1e-3, weight_decay=1e-2))
param_scheduler = dict(_delete_=True, type="CosineAnnealingLR", T_max=12, by_epoch=True, convert_to_iter_based=True)
custom_hooks = []
