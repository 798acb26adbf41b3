# For pairs of skeletons: easy negatives at first, a third hard later on. AdamW, cosine warm-up to the rate over the
# first tenth, cosine decay to 4e-6 of it, iteration by iteration.
max_epochs = 100
val_interval = 20
lr = 2e-3
hard_from = 20  # epoch

train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=val_interval)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="AdamW", lr=lr, weight_decay=1e-2, fused=True))
param_scheduler = dict(type="WarmupCosineLR", warmup=0.1, by_epoch=True, convert_to_iter_based=True)
auto_scale_lr = dict(enable=False, base_batch_size=128)
default_hooks = dict(checkpoint=dict(interval=val_interval, save_best="pairs/auc"))
stages = [(0, dict(positive=1, easy=3)), (hard_from, dict(positive=1, easy=2, hard=1))]
custom_hooks = [dict(type="CurriculumHook", stages=stages)]
