# The report's MBAimCLR on NTU RGB+D 120, cross-setup: 15 epochs.
_base_ = [
    "../_base_/datasets/ntu120_xset.py",
    "../_base_/models/mbaimclr_dstformer.py",
    "../_base_/schedules/sgd_mbaimclr.py",
    "../_base_/probes.py",
    "../_base_/default_runtime.py",
]
train_dataloader = dict(batch_size=8)
train_cfg = dict(max_epochs=15, val_interval=5)
