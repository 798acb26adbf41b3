# To compare views with: the temporal crop alone, neither direction nor distance.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/view_ucla.py", "../_base_/schedules/adamw_ucla.py"]
setting = "crop"
preparation = "view"
max_epochs = 60
