# Sync3D on generated videos in minutes on two CPU cores: the first layers of I3D with a quarter of their channels,
# crops of 48 pixels, 12 epochs of 1600 pairs. Frames are differences: from scratch, I3D hardly finds motion in
# colors in that time.
#   python tools/dataset_converters/make_synthetic.py tvhid data/synthetic_tvhid --num-clips 150 150
_base_ = ["../_base_/datasets/tvhid.py", "../_base_/models/sync3d_video.py", "../_base_/schedules/sgd_sync3d.py"]
data_root = "data/synthetic_tvhid"
source = dict(size=48)
placement = "any"
probe = "standardized"
loader = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(batch_size=16, dataset=dict(size=1600))
val_dataloader = dict(batch_size=32, dataset=dict(size=400))
test_dataloader = dict(batch_size=32, dataset=dict(size=3000))
backbone = dict(width=0.25, endpoint="Mixed_4c")
pool = dict(window=1)
hidden_channels = 128
model = dict(data_preprocessor=dict(difference=True))
linear = dict(weight_decay=1e-2)  # of 150 videos
stages = [
    (0, dict(positive=1, easy=3)),
    (2, dict(positive=2, easy=3, medium=3)),
    (5, dict(positive=1, easy=1, medium=1, hard=1))]
max_epochs = 12
val_interval = 4
optim_wrapper = dict(optimizer=dict(_delete_=True, type="AdamW", lr=1e-3, weight_decay=1e-2))
param_scheduler = dict(_delete_=True, type="CosineAnnealingLR", by_epoch=True, convert_to_iter_based=True)
