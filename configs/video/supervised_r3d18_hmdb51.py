# As supervised_r3d18_ucf101.py, of HMDB51.
_base_ = ["../_base_/datasets/hmdb51.py", "../_base_/models/r3d18.py", "../_base_/schedules/adamw.py"]
max_epochs = 100
warmup = 10
model = dict(head=dict(num_classes=51))
default_hooks = dict(checkpoint=dict(save_best="accuracy/top1"))
