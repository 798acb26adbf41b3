# The encoder for clips of ten frames: wide and shallow.
_base_ = "./sync3d_sbu.py"

model = dict(
    encoder=dict(
        backbone=dict(
            type="STGCN", layout="sbu15", in_channels=6, channels=[32, 64, 128], strides=[1, 2, 1], temporal_kernel=5
        )
    )
)
