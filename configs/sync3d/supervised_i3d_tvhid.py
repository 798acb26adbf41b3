# The fully supervised row: the encoder of Sync3D and one layer on both people's features, trained on pairs' labels.
# --cfg-options load_from=CHECKPOINT finetunes Sync3D's encoder.
_base_ = ["../_base_/datasets/tvhid.py", "../_base_/models/sync3d_video.py", "../_base_/schedules/sgd_sync3d.py"]
roles = dict(_delete_=True, query="test")
model = dict(
    _delete_=True,
    type="Classifier",
    num_tracks=2,
    encoder=dict(type="Encoder", backbone={{_base_.backbone}}, pool={{_base_.pool}}),
    head=dict(type="LinearHead", num_classes=5, dropout=0.1),
    data_preprocessor=dict(type="VideoPreprocessor", views=dict(clip={{_base_.tracks}})))
custom_hooks = []
val_evaluator = [dict(type="Accuracy", topk=(1,), per_class=True, per_video=True)]
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best="accuracy/balanced"))
