# SkeleMixCLR on NW-UCLA: the recipe of skeletonclr_stgcn_ucla_xview.py, on clips of which parts are exchanged as well.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/ucla.py", "../_base_/schedules/adamw_ucla.py"]
views = "momentum"
batch_size = 64
model = dict(type="SkeleMixCLR", queue_size=512, momentum=0.99, temperature=0.2)
