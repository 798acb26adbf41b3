# AVTS on the built-in world in minutes on two CPU cores: towers of an eighth of the channels, 13
# pictures of 48 pixels a second.
#   python tools/dataset_converters/make_synthetic.py av data/synthetic_av
_base_ = ["../_base_/datasets/synthetic_av.py", "../_base_/models/avts.py", "../_base_/schedules/avts.py"]
size = 48
frames = 13
steps = 13
fps = 12.5
width = 0.125
widths = [16, 32, 64, 128]
hidden_channels = 128
max_epochs = 20
val_interval = 4
stages = [
    (0, dict(positive=1, easy=1)),
    (8, dict(positive=2, easy=1, hard=1))]
model = dict(data_preprocessor=dict(parts=dict(video=dict(difference=True))))
optim_wrapper = dict(optimizer=dict(_delete_=True, type="AdamW", lr=1e-3, weight_decay=1e-2))
param_scheduler = dict(_delete_=True, type="CosineAnnealingLR", T_max=20, by_epoch=True, convert_to_iter_based=True)
