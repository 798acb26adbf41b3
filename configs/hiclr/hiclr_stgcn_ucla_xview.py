# HiCLR on NW-UCLA: the recipe of aimclr_stgcn_ucla_xview.py.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/ucla.py", "../_base_/schedules/adamw_ucla.py"]
views = "chain"
batch_size = 64
model = dict(type="HiCLR", queue_size=512, momentum=0.99, temperature=0.15, d3m_weight=0.25)
