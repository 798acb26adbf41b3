# SimCLR on NW-UCLA, whose negatives come from a batch twice as large as AimCLR's. The temperature is that of
# NTXentLoss, 0.1.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/ucla.py", "../_base_/schedules/adamw_ucla.py"]
sync_bn = "torch"
model = dict(type="SimCLR")
