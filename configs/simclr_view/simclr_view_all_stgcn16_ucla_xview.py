# Encoders: the ST-GCN of a quarter of the width; features stay 256 wide.
_base_ = "./simclr_view_all_stgcn_ucla_xview.py"

model = dict(encoder=dict(backbone=dict(channels=[16, 16, 32, 256])))
