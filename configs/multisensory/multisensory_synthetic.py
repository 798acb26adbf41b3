# The multisensory network on the built-in world in minutes on one CPU core: a quarter of the channels, 25 differences
# of pictures of 64 pixels in two seconds, mono sound at 16 kHz, no stride in the trunk so that maps have 8 x 8 places. The
# videos last 5 to 8 s: windows of 2 s leave room for the published shift of 2.17 to 5.87 s between their starts.
# As published, first at a low rate of pictures, then at the full one with its weights:
#   python tools/dataset_converters/make_synthetic.py av data/synthetic_av
#   python tools/train.py configs/multisensory/multisensory_synthetic.py
#   python tools/train.py configs/multisensory/multisensory_synthetic.py --work-dir work_dirs/multisensory_full \
#       --cfg-options frames=50 fps=25 load_from=work_dirs/multisensory_synthetic/epoch_16.pth
_base_ = ["../_base_/datasets/synthetic_av.py", "../_base_/models/multisensory.py"]
data_root = "data/synthetic_av"
source = dict(type="SceneSource", scenes_file=data_root + "/scenes.json")
frames = 25
fps = 12.5
duration = 2.0
gap = (0.17, 3.87)
channels = 1
video_width = 16
audio_widths = [16, 32, 32, 64]
fusion_widths = [32, 64, 32, 32, 48, 64]
strides = [1, 1, 1]
max_epochs = 16
lr = 2e-3
model = dict(data_preprocessor=dict(parts=dict(video=dict(difference=True))))
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=8)
train_dataloader = dict(
    batch_size=16, dataset=dict(num_samples=480, gap=gap, contrast=True, mix=dict(_delete_=True, positive=1)))
val_dataloader = dict(dataset=dict(gap=gap, num_samples=300, mix=dict(_delete_=True, positive=1, hard=1)))
val_evaluator = dict(probes=dict(_delete_=True, pairs=dict(type="PairVerification"), pointing=dict(type="Pointing")))
optim_wrapper = dict(
    type="OptimWrapper", optimizer=dict(type="AdamW", lr=lr, weight_decay=1e-2), clip_grad=dict(max_norm=5))
param_scheduler = dict(type="CosineAnnealingLR", T_max=max_epochs, by_epoch=True, convert_to_iter_based=True)
default_hooks = dict(checkpoint=dict(interval=8, save_best="pairs/auc"))
