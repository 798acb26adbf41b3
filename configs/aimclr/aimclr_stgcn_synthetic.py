# The first run: AimCLR on the built-in world, under three minutes on two CPU cores. backbone=vit and
# backbone=dstformer take transformers, here and in the configs of other methods beside it.
_base_ = ["../_base_/datasets/synthetic.py", "../_base_/models/synthetic.py", "../_base_/schedules/adamw_synthetic.py"]
views = "extreme"
model = dict(type="AimCLR", queue_size=512, momentum=0.99, temperature=0.1, mining=None)
