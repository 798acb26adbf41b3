# TransAimCLR of the MBAimCLR report on NTU RGB+D 60, cross-subject, to the letter: 44 % there. Its probe is `linear`
# with test_evaluator.probes.linear.lr=0.1 and test_evaluator.probes.linear.batch_size=8.
_base_ = ["../_base_/datasets/ntu60.py", "../_base_/models/mbaimclr.py", "../_base_/schedules/sgd_mbaimclr.py"]
backbone = "vit"
batch_size = 32
max_epochs = 500
lr = 1e-3
weight_decay = 5e-2
auto_scale_lr = dict(base_batch_size=32)
# This transformer is not initialized again, neither of the encoders nor of the projector.
model = dict(key_init="copy", encoder=dict(projector=dict(init_cfg=None)))
