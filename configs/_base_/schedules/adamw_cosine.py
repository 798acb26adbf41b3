# AdamW, linear warm-up over the first tenth, cosine decay to zero, step by step.
# A config that changes the length sets train_cfg.max_epochs alone: the schedule ends where the training does.
train_cfg = dict(by_epoch=True, max_epochs=100, val_interval=10)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="AdamW", lr=2e-3, weight_decay=1e-2, fused=True))
param_scheduler = dict(type="OneCycleLR", eta_max=2e-3, pct_start=0.1, by_epoch=True, convert_to_iter_based=True)
auto_scale_lr = dict(enable=False, base_batch_size=128)
