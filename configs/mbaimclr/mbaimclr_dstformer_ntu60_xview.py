# MBAimCLR as in its report, on NTU RGB+D 60, cross-view: 50 epochs.
_base_ = ["../_base_/datasets/ntu60.py", "../_base_/models/mbaimclr.py", "../_base_/schedules/sgd_mbaimclr.py"]
split = "xview"
batch_size = 8
max_epochs = 50
