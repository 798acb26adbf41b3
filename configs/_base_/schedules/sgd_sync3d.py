# The report's schedule: SGD at 1e-3 for 800 epochs, a tenth of it from epoch 300 on and again from 600 on. Momentum and
# batch size, 8, are not printed.
train_cfg = dict(by_epoch=True, max_epochs=800, val_interval=50)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(type="AutocastOptimWrapper", optimizer=dict(type="SGD", lr=1e-3, momentum=0.9, weight_decay=1e-5))
param_scheduler = dict(type="MultiStepLR", milestones=[300, 600], gamma=0.1, by_epoch=True)
auto_scale_lr = dict(enable=False, base_batch_size=8)
