# Encoders of docs/view_and_distance.md: the ST-GCN of a quarter of the width; features stay 256 wide.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/view_ucla.py", "../_base_/schedules/adamw_ucla.py"]
encoder = "stgcn16"
preparation = "view"
max_epochs = 60
