# AVID on the built-in world: pictures and sound of one video find each other in memories of all of its 300 videos.
_base_ = ["../_base_/datasets/synthetic_av.py", "../_base_/models/avts.py", "../_base_/schedules/avts.py"]
size = 48
width = 0.125
widths = [16, 32, 64, 128]
projector = dict(type="MLPProjector", hidden_channels=128, out_channels=128, norm=True)
mix = dict(_delete_=True, positive=1)
max_epochs = 12
val_interval = 4
model = dict(
    type="AVID",
    num_videos=300,
    video=dict(pool=dict(_delete_=True, type="MeanPool")),
    audio=dict(pool=dict(_delete_=True, type="MeanPool")),
    data_preprocessor=dict(parts=dict(video=dict(difference=True))))
knn = dict(type="KNN", k=5, standardize=True)
val_evaluator = dict(_delete_=True, type="FeatureMetric", probes=dict(knn=knn, knn_audio=dict(knn, column="feature_audio")))
test_evaluator = dict(_delete_=True, type="FeatureMetric", probes=dict(knn=knn, knn_audio=dict(knn, column="feature_audio")))
default_hooks = dict(checkpoint=dict(save_best="knn/top1"))
optim_wrapper = dict(optimizer=dict(_delete_=True, type="AdamW", lr=1e-3, weight_decay=1e-2))
param_scheduler = dict(_delete_=True, type="CosineAnnealingLR", T_max=12, by_epoch=True, convert_to_iter_based=True)
custom_hooks = []
