# Encoders: the ST-GCN of 10 blocks instead of 4.
_base_ = "./simclr_view_all_stgcn_ucla_xview.py"

model = dict(
    encoder=dict(
        backbone=dict(channels=[64, 64, 64, 64, 128, 128, 128, 256, 256, 256], strides=[2, 1, 1, 1, 2, 1, 1, 1, 1, 1])
    )
)
