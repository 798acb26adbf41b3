# Encoders: the ST-GCN of twice the width; features stay 256 wide.
_base_ = "./simclr_view_all_stgcn_ntu60_xsub.py"

model = dict(encoder=dict(backbone=dict(width=32)))
