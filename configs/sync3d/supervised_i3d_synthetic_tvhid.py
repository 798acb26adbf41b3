# The supervised row beside sync3d_i3d_synthetic_tvhid.py: the same network and pictures, trained on the classes that
# its probe is asked for.
_base_ = ["../_base_/datasets/tvhid.py", "../_base_/models/sync3d_video.py", "../_base_/schedules/sgd_sync3d.py"]
data_root = "data/synthetic_tvhid"
source = dict(size=48)
placement = "any"
loader = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(batch_size=16, dataset=dict(size=1600))
val_dataloader = dict(batch_size=32, dataset=dict(size=400))
test_dataloader = dict(batch_size=32, dataset=dict(size=3000))
backbone = dict(width=0.25, endpoint="Mixed_4c")
pool = dict(window=1)
roles = dict(_delete_=True, query="test")
max_epochs = 12
val_interval = 4
optim_wrapper = dict(optimizer=dict(_delete_=True, type="AdamW", lr=1e-3, weight_decay=1e-2))
param_scheduler = dict(_delete_=True, type="CosineAnnealingLR", by_epoch=True, convert_to_iter_based=True)
model = dict(
    _delete_=True,
    type="Classifier",
    num_tracks=2,
    encoder=dict(type="Encoder", backbone={{_base_.backbone}}, pool={{_base_.pool}}),
    head=dict(type="LinearHead", num_classes=5, dropout=0.1),
    data_preprocessor=dict(type="VideoPreprocessor", difference=True, views=dict(clip={{_base_.tracks}})))
custom_hooks = []
val_evaluator = [dict(type="Accuracy", topk=(1,), per_class=True, per_video=True)]
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best="accuracy/balanced"))
