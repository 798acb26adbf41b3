# TransAimCLR of the MBAimCLR report with mining from epoch 150 on, where it collapsed to 1.67 %.
_base_ = ["../_base_/datasets/ntu60.py", "../_base_/models/mbaimclr.py", "../_base_/schedules/sgd_mbaimclr.py"]
mining_epoch = 150
backbone = "vit"
batch_size = 32
max_epochs = 500
lr = 1e-3
weight_decay = 5e-2
auto_scale_lr = dict(base_batch_size=32)
# This transformer is not initialized again, neither of the encoders nor of the projector.
model = dict(key_init="copy", encoder=dict(projector=dict(init_cfg=None)))
