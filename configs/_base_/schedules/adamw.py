# AdamW, cosine warm-up to the rate, cosine decay to 4e-6 of it, iteration by iteration; the values are for transformers
# on tens of thousands of clips.
max_epochs = 300
val_interval = 10
warmup = 20  # epochs
lr = 1e-3
weight_decay = 5e-2

train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=val_interval)
optimizer = dict(type="AdamW", lr=lr, weight_decay=weight_decay, fused=True)
optim_wrapper = dict(type="OptimWrapper", optimizer=optimizer)
_share = warmup / max_epochs
param_scheduler = dict(type="WarmupCosineLR", warmup=_share, by_epoch=True, convert_to_iter_based=True)
auto_scale_lr = dict(enable=False, base_batch_size=128)
