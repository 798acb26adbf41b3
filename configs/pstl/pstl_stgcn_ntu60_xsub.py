# PSTL on NTU RGB+D 60, cross-subject, as released (Zhou et al., 2023); split=xview: cross-view, stream=bone and
# stream=motion: its other streams. Ours: augmentations are drawn for each clip instead of once for a batch; masked
# joints are missing from ST-GCN's blocks of the first width; the linear probe is AimCLR's (PSTL's: Adam 0.01, cosine).
_base_ = ["../_base_/datasets/ntu60.py", "../_base_/schedules/adamw.py"]
stream = "joint"
max_epochs = 150
warmup = 10
lr = 5e-3
weight_decay = 1e-5
optimizer = dict(type="Adam")
sync_bn = "torch"
normal = [dict(type="Shear", amplitude=1.0), dict(type="TemporalCrop"), dict(type="Rotate"), dict(type="SpatialFlip")]
model = dict(
    type="PSTL", redundancy_weight=2e-4,
    encoder=dict(
        type="Encoder",
        backbone=dict(type="STGCN", width=16, out_channels=256, dropout=0.5, init="normal"),
        pool=dict(type="SkeletonPool", persons="mean"),
        projector=dict(type="MLPProjector", norm=True, num_layers=3, hidden_channels=6144, out_channels=6144)),
    data_preprocessor=dict(
        type="SkeletonPreprocessor", stream=stream, views=dict(anchor=normal, temporal=normal, spatial=normal)))
