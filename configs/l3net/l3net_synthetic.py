# L3-Net on the built-in world in minutes on one CPU core: narrow towers, pictures of 64 pixels, and sound of 16 kHz,
# whose spectrogram has 129 bands x 61 frames. Published: Adam at 1e-4 with weight decay 1e-5, batches of 64.
#   python tools/dataset_converters/make_synthetic.py av data/synthetic_av
_base_ = ["../_base_/datasets/synthetic_av.py", "../_base_/models/l3net.py"]
frames = 1
widths = [16, 32, 64, 128]
frontend = dict(type="LogSpectrogram", n_fft=256, window=256, hop=256, center=False, power=1, mean=-3.0, std=3.0)
max_epochs = 16
lr = 1e-3
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=4)
train_dataloader = dict(batch_size=64, dataset=dict(num_samples=1920))
val_dataloader = dict(dataset=dict(mix=dict(_delete_=True, positive=1, easy=1)))
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=lr, weight_decay=1e-5))
param_scheduler = dict(type="CosineAnnealingLR", T_max=max_epochs, by_epoch=True, convert_to_iter_based=True)
default_hooks = dict(checkpoint=dict(interval=4, save_best="pairs/accuracy"))
