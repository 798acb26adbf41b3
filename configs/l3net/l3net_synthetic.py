# L3-Net on the built-in world in 10 minutes on one CPU core: narrow towers, pictures of 64 pixels, and sound of 16 kHz,
# whose spectrogram has 257 bands x 31 frames. Published: Adam at 1e-4 with weight decay 1e-5, batches of 16 per GPU.
# A still picture of 300 videos is little to learn from: the world is larger than that of the other configs. Nothing
# changes colors, because the brightness of an instrument says its pitch. Each tower ends with a linear layer and batch
# norm; without them training was at chance after 400 steps. The tower of sound keeps 8 ranges of bands apart.
#   python tools/dataset_converters/make_synthetic.py av data/synthetic_av_large --num-clips 1200 150
_base_ = ["../_base_/datasets/synthetic_av.py", "../_base_/models/l3net.py"]
data_root = "data/synthetic_av_large"
frames = 1
frontend = dict(type="LogSpectrogram", n_fft=512, window=512, hop=512, center=False, power=1, mean=-3.3, std=1.5)
views = dict(video=[dict(type="VideoFlip")])
projector = dict(type="MLPProjector", num_layers=1, out_channels=32, norm_last=True)
model = dict(
    video=dict(backbone=dict(widths=[32, 64]), projector=projector),
    audio=dict(backbone=dict(widths=[8, 16, 32, 64]), pool=dict(cells=(1, 8)), projector=projector))
max_epochs = 20
lr = 2e-3
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=5)
train_dataloader = dict(batch_size=16, dataset=dict(num_samples=3200))
val_dataloader = dict(dataset=dict(mix=dict(_delete_=True, positive=1, easy=1)))
test_dataloader = val_dataloader
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=lr, weight_decay=1e-5))
param_scheduler = dict(type="WarmupCosineLR", warmup=0.1, by_epoch=True, convert_to_iter_based=True)
default_hooks = dict(checkpoint=dict(interval=5, save_best="pairs/accuracy"))
