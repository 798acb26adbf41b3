# SkeletonCLR with a transformer on NW-UCLA: the recipe of aimclr_vit_ucla_xview.py without the extreme view.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/ucla.py", "../_base_/schedules/adamw_ucla.py"]
backbone = "vit"
views = "momentum"
batch_size = 64
lr = 1e-3
model = dict(type="SkeletonCLR", queue_size=512, momentum=0.99, temperature=0.15)
