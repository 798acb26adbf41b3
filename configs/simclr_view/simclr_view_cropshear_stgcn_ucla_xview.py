# To compare views with: SkeletonCLR's crop and shear in place of the views, all else equal.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/view_ucla.py", "../_base_/schedules/adamw_ucla.py"]
setting = "cropshear"
preparation = "view"
max_epochs = 60
