# Of the default: a number of iterations, whatever the size of the data set, about five minutes on one CPU core. AdamW,
# forward passes in bfloat16 on any device, cosine warm-up to the rate, cosine decay to 4e-6 of it.
max_iters = 500
val_interval = 250
lr = 1e-3

train_cfg = dict(by_epoch=False, max_iters=max_iters, val_interval=val_interval)
optimizer = dict(type="AdamW", lr=lr, weight_decay=0.05, fused=True)
optim_wrapper = dict(type="AutocastOptimWrapper", optimizer=optimizer, clip_grad=dict(max_norm=1.0))
param_scheduler = dict(type="WarmupCosineLR", warmup=0.05, by_epoch=False, end=max_iters)
auto_scale_lr = dict(enable=False, base_batch_size=128)
log_processor = dict(by_epoch=False)
default_hooks = dict(
    checkpoint=dict(by_epoch=False, interval=val_interval),  # the last one counts: nothing is chosen
    collapse=dict(watch=dict(embedding_std=0.005)))  # of what learns; features for probes hold frozen ones, too
