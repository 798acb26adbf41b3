# Encoders: the ST-GCN of 6 blocks instead of 3.
_base_ = "./simclr_view_all_stgcn_synthetic.py"

model = dict(encoder=dict(backbone=dict(channels=[32, 32, 48, 48, 96, 96], strides=[2, 1, 2, 1, 1, 1])))
