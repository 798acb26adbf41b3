# MBAimCLR's schedule: plain SGD at 1e-4 in batches of 8. Its step after epoch 250 is reached in the rows of 500
# epochs alone, for which no other is printed.
max_epochs = 150
val_interval = 10
lr = 1e-4
weight_decay = 1e-2

train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=val_interval)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=lr, momentum=0.9, weight_decay=weight_decay))
param_scheduler = dict(type="MultiStepLR", milestones=[250], gamma=0.1, by_epoch=True)
auto_scale_lr = dict(enable=False, base_batch_size=8)
