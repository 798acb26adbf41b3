# The multisensory network on the built-in world in minutes on one CPU core: an eighth of the channels, 38 differences of
# pictures in 1.5 s, mono sound at 8 kHz. The videos last 5 to 8 s: windows of 1.5 s leave room for the published shift
# of 2.17 to 5.87 s between their starts. Kernels of the trunk span time alone, because with the published ones each
# place of so small a map sees all others, and its maximum says little. The classifier learns slowly: at the rate of the
# rest its weights soon vanish, and with them the gradient. Like the published training it begins coarsely, here in
# space, with pictures of 64 pixels; the second stage goes on with 96, whose maps have 12 x 12 places:
#   python tools/dataset_converters/make_synthetic.py av data/synthetic_av
#   python tools/train.py configs/multisensory/multisensory_synthetic.py
#   python tools/train.py configs/multisensory/multisensory_synthetic.py --work-dir work_dirs/multisensory_fine \
#       --cfg-options size=96 max_epochs=6 lr=1e-3 load_from=work_dirs/multisensory_synthetic/epoch_20.pth
_base_ = ["../_base_/datasets/synthetic_av.py", "../_base_/models/multisensory.py"]
data_root = "data/synthetic_av"
source = dict(type="SceneSource", scenes_file=data_root + "/scenes.json")
size = 64
frames = 38
duration = 1.5
rate = 8000
gap = (0.67, 4.37)
channels = 1
video_width = 8
audio_widths = [16, 16, 32, 32]
fusion_widths = [16, 32, 16, 16, 32, 32]
strides = [1, 1, 1]
reach = 1
max_epochs = 20
lr = 1.5e-3
model = dict(data_preprocessor=dict(parts=dict(video=dict(difference=True))))
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=2)
train_dataloader = dict(
    batch_size=8, dataset=dict(num_samples=960, gap=gap, contrast=True, mix=dict(_delete_=True, positive=1)))
val_dataloader = dict(dataset=dict(gap=gap, num_samples=300, mix=dict(_delete_=True, positive=1, hard=1)))
val_evaluator = dict(probes=dict(_delete_=True, pairs=dict(type="PairVerification"), pointing=dict(type="Pointing")))
test_dataloader = val_dataloader
test_evaluator = val_evaluator
optim_wrapper = dict(
    type="OptimWrapper", optimizer=dict(type="AdamW", lr=lr, weight_decay=1e-2), clip_grad=dict(max_norm=5),
    paramwise_cfg=dict(custom_keys=dict(classifier=dict(lr_mult=0.2, decay_mult=0.0))))
param_scheduler = dict(type="WarmupCosineLR", warmup=0.05, by_epoch=True, convert_to_iter_based=True)
default_hooks = dict(checkpoint=dict(interval=5, save_best="pairs/auc"))
