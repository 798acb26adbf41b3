# AVTS on the built-in world in minutes on two CPU cores: towers of an eighth and a quarter of the channels, 25
# differences of pictures of 32 pixels. Decoding takes a fourth of the time, so that smaller pictures save more than a
# cache of them would.
#   python tools/dataset_converters/make_synthetic.py av data/synthetic_av
_base_ = ["../_base_/datasets/synthetic_av.py", "../_base_/models/avts.py", "../_base_/schedules/avts.py"]
size = 32
width = 0.125
widths = [16, 32, 64, 128]
hidden_channels = 128
max_epochs = 36
val_interval = 9
stages = [
    (0, dict(positive=1, easy=1)),
    (9, dict(positive=2, easy=1, hard=1))]
model = dict(data_preprocessor=dict(parts=dict(video=dict(difference=True))))
optim_wrapper = dict(optimizer=dict(_delete_=True, type="AdamW", lr=3e-3, weight_decay=1e-2))
param_scheduler = dict(_delete_=True, type="WarmupCosineLR", warmup=0.1, by_epoch=True, convert_to_iter_based=True)
