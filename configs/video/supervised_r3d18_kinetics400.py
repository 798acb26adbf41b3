# As supervised_r3d18_ucf101.py, of Kinetics-400.
_base_ = ["../_base_/datasets/kinetics400.py", "../_base_/models/r3d18.py", "../_base_/schedules/adamw.py"]
max_epochs = 100
warmup = 10
model = dict(head=dict(num_classes=400))
default_hooks = dict(checkpoint=dict(save_best="accuracy/top1"))
