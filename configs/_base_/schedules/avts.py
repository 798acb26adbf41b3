# Easy negatives first, then a quarter of hard ones (Korbar et al., 2018: epochs 1 to 50 and 51 to 90).
max_epochs = 90
val_interval = 10
lr = 0.01
weight_decay = 1e-3
stages = [
    (0, dict(positive=1, easy=1)),
    (50, dict(positive=4, easy=3, hard=1))]
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=val_interval)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=lr, momentum=0.9, weight_decay=weight_decay))
param_scheduler = dict(type="MultiStepLR", milestones=[60, 80], gamma=0.1, by_epoch=True)
custom_hooks = [dict(type="CurriculumHook", stages=stages)]
default_hooks = dict(checkpoint=dict(interval=val_interval, save_best="pairs/auc"))
