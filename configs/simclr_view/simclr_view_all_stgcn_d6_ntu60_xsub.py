# Encoders: the slim ST-GCN of 6 blocks instead of 10.
_base_ = "./simclr_view_all_stgcn_ntu60_xsub.py"

model = dict(
    encoder=dict(
        backbone=dict(width=None, out_channels=None, channels=[16, 16, 32, 32, 64, 256], strides=[1, 1, 2, 1, 2, 1])
    )
)
