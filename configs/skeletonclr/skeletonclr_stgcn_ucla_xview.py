# SkeletonCLR on NW-UCLA: the recipe of aimclr_stgcn_ucla_xview.py without the extreme view, and half its epochs.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/ucla.py", "../_base_/schedules/adamw_ucla.py"]
views = "momentum"
batch_size = 64
model = dict(type="SkeletonCLR", queue_size=512, momentum=0.99, temperature=0.15)
