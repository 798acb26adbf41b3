# MAMP (Mao et al., 2023) on NTU RGB+D 60, cross-subject, as published; split=xview: cross-view. Of CTR-GCN's clips a
# random half to all is taken (of at least 64 frames) and made 120 frames long, for evaluation the middle 95 %. Absent
# second persons are encoded and predicted. Published: a batch of 32 on each of four GPUs, of which one here has 128.
_base_ = ["../_base_/datasets/ntu60.py", "../_base_/schedules/adamw.py"]
pipeline = [
    dict(type="CTRGCNPreset"),
    dict(type="CropResize", length=120, ratio=(0.95,)),
    dict(type="PackSkeleton", num_persons=2)]
_training = [
    dict(type="CTRGCNPreset"),
    dict(type="CropResize", length=120, ratio=(0.5, 1.0), min_frames=64),
    dict(type="PackSkeleton", num_persons=2)]
max_epochs = 400
val_interval = 20
warmup = 20  # epochs

train_dataloader = dict(dataset=dict(pipeline=_training, cache=False))
model = dict(
    type="MAMP",
    mask_ratio=0.9, motion_tau=0.8,
    encoder=dict(
        type="Encoder",
        backbone=dict(
            type="SkeletonViT", embed_dim=256, depth=8, num_heads=8, mlp_ratio=4.0, t_patch=4, clip_len=120),
        pool=dict(type="SkeletonPool", persons="mean")),
    decoder=dict(type="TokenDecoder", embed_dim=256, depth=3, num_heads=8, mlp_ratio=4.0),
    data_preprocessor=dict(type="SkeletonPreprocessor", stream="joint"))
# No weight decay of biases and norms; a linear warm-up, then a cosine to half of the rate.
optim_wrapper = dict(optimizer=dict(betas=(0.9, 0.95)), paramwise_cfg=dict(flat_decay_mult=0.0))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-6, end=warmup, by_epoch=True, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", begin=warmup, eta_min=5e-4, by_epoch=True, convert_to_iter_based=True)]
test_evaluator = dict(
    probes=dict(
        linear=dict(
            _delete_=True, type="LinearProbe", epochs=100, batch_size=256, lr=0.1, schedule="cosine", batch_norm=True)))
