# SkeletonCLR on the built-in world: the recipe of aimclr_stgcn_synthetic.py without the extreme view.
_base_ = ["../_base_/datasets/synthetic.py", "../_base_/models/synthetic.py", "../_base_/schedules/adamw_synthetic.py"]
views = "momentum"
model = dict(type="SkeletonCLR", queue_size=512, momentum=0.99, temperature=0.1)
