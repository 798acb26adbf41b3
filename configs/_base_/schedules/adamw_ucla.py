# For NW-UCLA: AdamW, forward pass in bfloat16 (on CPUs too; optim_wrapper.type=OptimWrapper: single precision), linear
# warm-up over the first tenth, cosine decay to zero, step by step: the schedule ends where the training does.
max_epochs = 100
val_interval = 20
lr = 1.5e-3

train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=val_interval)
optim_wrapper = dict(type="AutocastOptimWrapper", optimizer=dict(type="AdamW", lr=lr, weight_decay=1e-2, fused=True))
param_scheduler = dict(type="OneCycleLR", eta_max=lr, pct_start=0.1, by_epoch=True, convert_to_iter_based=True)
auto_scale_lr = dict(enable=False, base_batch_size=128)
default_hooks = dict(checkpoint=dict(interval=val_interval, save_best="knn/top1"))
