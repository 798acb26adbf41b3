# LARS for large batches in bfloat16: rate 0.3 * N / 256 for N = 512 over all devices, 10 epochs of cosine warm-up,
# cosine decay to 4e-6 of the rate, iteration by iteration. SimCLR's optimizer (Chen et al., 2020); N, the rate and the
# length are ours. For another N: train.py --auto-scale-lr. Statistics of batch normalization are those of all devices.
train_cfg = dict(by_epoch=True, max_epochs=300, val_interval=10)
optim_wrapper = dict(
    type="AutocastOptimWrapper",
    optimizer=dict(type="LARS", lr=0.6, momentum=0.9, weight_decay=1e-6, trust_coefficient=1e-3))
param_scheduler = dict(type="WarmupCosineLR", warmup=10 / 300, by_epoch=True, convert_to_iter_based=True)
auto_scale_lr = dict(enable=False, base_batch_size=512)
sync_bn = "torch"
