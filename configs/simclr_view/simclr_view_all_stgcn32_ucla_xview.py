# Encoders of docs/view_and_distance.md: the ST-GCN of half the width; features stay 256 wide.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/view_ucla.py", "../_base_/schedules/adamw_ucla.py"]
encoder = "stgcn32"
preparation = "view"
max_epochs = 60
