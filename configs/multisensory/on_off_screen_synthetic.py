# Sound on and off screen on the built-in world in minutes on one CPU core: differences of 25 pictures of 32 pixels, as
# of avts_mc3_synthetic, and spectra of 128 bins, 63 a second, of sound at 8 kHz. Levels below -20 dB, the noise between
# strikes, count alike; the phases are those of the mixture. As published (Owens and Efros, 2018): the defaults of
# OnOffScreen with audio=dict(type="Encoder", backbone=dict(type="WaveformNet")), 63 pictures in 2.135 s, sound at
# 21 kHz, the weights of Multisensory to begin with, Adam at 1e-4, batches of 6. Here AVTS's may stand for them:
#   python tools/dataset_converters/make_synthetic.py av data/synthetic_av
#   python tools/train.py configs/avts/avts_mc3_synthetic.py
#   python tools/train.py configs/multisensory/on_off_screen_synthetic.py \
#       --cfg-options load_from=work_dirs/avts_mc3_synthetic/epoch_20.pth
_base_ = ["../_base_/datasets/synthetic_av.py"]
size = 32
rate = 8000
width = 0.125
widths = [16, 32, 64, 64, 64, 64]
permutation_invariant = False
max_epochs = 12
lr = 2e-3
mix = dict(_delete_=True, positive=1)
roles = dict(_delete_=True, query="test")
model = dict(
    type="OnOffScreen", widths=widths, n_fft=256, window=256, hop=128, levels=(-20, 40), phase="mixture",
    permutation_invariant=permutation_invariant,
    video=dict(type="Encoder", backbone=dict(type="VideoResNet", variant="mc3", width=width)),
    data_preprocessor=dict(
        type="ComposedPreprocessor",
        parts=dict(
            video=dict(type="VideoPreprocessor", difference=True, views=dict(video=[dict(type="VideoFlip")])),
            audio=dict(type="AudioPreprocessor", views=dict(audio=[])),
            contrast=dict(type="AudioPreprocessor", views=dict(contrast=[])))))
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=6)
train_dataloader = dict(batch_size=16, dataset=dict(contrast="easy", num_samples=1200))
val_dataloader = dict(dataset=dict(contrast="easy", num_samples=300, mix=dict(_delete_=True, positive=1)))
test_dataloader = val_dataloader
val_evaluator = dict(probes=dict(_delete_=True, separation=dict(type="SeparationQuality")))
test_evaluator = val_evaluator
optim_wrapper = dict(
    type="OptimWrapper", optimizer=dict(type="AdamW", lr=lr, weight_decay=1e-2), clip_grad=dict(max_norm=10))
param_scheduler = dict(type="CosineAnnealingLR", T_max=max_epochs, by_epoch=True, convert_to_iter_based=True)
default_hooks = dict(checkpoint=dict(interval=6, save_best="separation/on_screen", rule="greater"))
