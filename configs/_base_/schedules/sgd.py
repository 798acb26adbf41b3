# The published schedule of AimCLR and SkeletonCLR: batch 128, SGD 0.1, a tenth of it after epoch 250 of 300.
train_cfg = dict(by_epoch=True, max_epochs=300, val_interval=10)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.1, momentum=0.9, weight_decay=1e-4))
param_scheduler = dict(type="MultiStepLR", milestones=[250], gamma=0.1, by_epoch=True)
auto_scale_lr = dict(enable=False, base_batch_size=128)
