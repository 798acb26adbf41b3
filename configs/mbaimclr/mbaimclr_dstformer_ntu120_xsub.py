# MBAimCLR as in its report, on NTU RGB+D 120, cross-subject: 15 epochs; split=xset: cross-setup.
_base_ = ["../_base_/datasets/ntu120.py", "../_base_/models/mbaimclr.py", "../_base_/schedules/sgd_mbaimclr.py"]
batch_size = 8
max_epochs = 15
val_interval = 5
