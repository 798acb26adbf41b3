# The arrow of time (Wei et al., 2018) on the built-in world in minutes on one CPU core: FlowVGG of a quarter of the
# channels, flow of 96 pixels scaled to 48, four segments at 25 pictures a second. Published: width 1, size 224, two
# segments, TV-L1, dropout 0.5, SGD at 1e-2, after an epoch 1e-3, with weight decay 5e-4 and batches of 96, for 20 epochs
# of 5000 iterations; 33,614,465 parameters.
#   python tools/dataset_converters/make_synthetic.py av data/synthetic_av
_base_ = ["../_base_/schedules/adamw_synthetic.py"]
data_root = "data/synthetic_av"
size = 96  # of the flow
view_size = 48
segments = 4
frames = 10
fps = 25
clip = 81  # pictures that are cleaned together
method = "dis"  # or "tvl1"
borders = True  # cut black borders, and take the camera's motion out: both would give the answer away
stabilize = True
width = 0.25
hidden_channels = 64
dropout = 0.1
lr = 1.5e-3
max_epochs = 120
val_interval = 30
windows = dict(
    type="ArrowDataset", source=dict(type="ClipFolderSource", data_root=data_root + "/videos"), segments=segments,
    frames=frames, fps=fps, size=size, method=method, borders=borders, stabilize=stabilize, clip=clip)
loader = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(loader, batch_size=20, dataset=dict(windows, split="train"))
val_dataloader = dict(
    loader, batch_size=50, dataset=dict(windows, roles=dict(bank="train", query="test"), clips=4, test_mode=True))
test_dataloader = val_dataloader
val_evaluator = dict(type="FeatureMetric", probes=dict(pairs=dict(type="PairVerification", per_video=True)))
test_evaluator = val_evaluator
views = dict(video=[dict(type="VideoCropResize", scale=0.875), dict(type="VideoFlip")])
model = dict(
    type="ArrowOfTime", segments=segments, hidden_channels=hidden_channels, dropout=dropout,
    encoder=dict(type="Encoder", backbone=dict(type="FlowVGG", frames=frames, width=width)),
    data_preprocessor=dict(type="VideoPreprocessor", size=view_size, test_crop=0.875, views=views))
auto_scale_lr = dict(base_batch_size=20)
default_hooks = dict(checkpoint=dict(save_best="pairs/accuracy"))
