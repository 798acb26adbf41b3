# PSTL on the built-in world; projector as in barlow_twins_stgcn_synthetic.py.
_base_ = ["../_base_/datasets/synthetic.py", "../_base_/models/synthetic.py", "../_base_/schedules/adamw_synthetic.py"]
views = "partial"
sync_bn = "torch"
model = dict(
    type="PSTL", redundancy_weight=0.01,
    encoder=dict(projector=dict(norm=True, num_layers=3, hidden_channels=512, out_channels=512)))
