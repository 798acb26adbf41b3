# PSTL on NW-UCLA; projector as in barlow_twins_stgcn_ucla_xview.py.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/ucla.py", "../_base_/schedules/adamw_ucla.py"]
views = "partial"
sync_bn = "torch"
model = dict(
    type="PSTL", redundancy_weight=0.01,
    encoder=dict(projector=dict(norm=True, num_layers=3, hidden_channels=512, out_channels=512)))
