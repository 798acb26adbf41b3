# As supervised_r3d18_ucf101.py, of Kinetics-400.
_base_ = [
    "../_base_/datasets/kinetics400.py",
    "../_base_/models/supervised_r3d18.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/default_runtime.py",
]
model = dict(head=dict(num_classes=400))
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=5e-2))
param_scheduler = dict(eta_max=1e-3)
default_hooks = dict(checkpoint=dict(save_best="accuracy/top1"))
