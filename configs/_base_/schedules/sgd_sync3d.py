# Sync3D's own schedule: SGD at 1e-3 for 800 epochs, a tenth of it from epoch 300 on and again from 600 on. Momentum and
# batch size, 8, are not printed. In single precision; --amp computes in bfloat16.
max_epochs = 800
val_interval = 50
# "two_stage" is that of its report: easy negatives first, then all kinds, a third of them hard. When they begin is not
# printed; here it is where the rate falls for the first time. "three_stage" takes in medium ones earlier.
curriculum = "two_stage"
_easy, _medium = dict(positive=1, easy=3), dict(positive=2, easy=3, medium=3)
_hard = dict(positive=1, easy=1, medium=1, hard=1)
_curricula = dict(
    two_stage=[(0, _easy), (300, _hard)],
    three_stage=[(0, _easy), (100, _medium), (300, _hard)])
stages = _curricula[curriculum]

train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=val_interval)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=1e-3, momentum=0.9, weight_decay=1e-5))
param_scheduler = dict(type="MultiStepLR", milestones=[300, 600], gamma=0.1, by_epoch=True)
auto_scale_lr = dict(enable=False, base_batch_size=8)
custom_hooks = [dict(type="CurriculumHook", stages=stages)]
default_hooks = dict(checkpoint=dict(interval=val_interval, save_best="pairs/auc"))
