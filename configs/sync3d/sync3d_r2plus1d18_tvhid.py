# Sync3D with R(2+1)D-18 (Tran et al., 2018) on crops of 112 pixels, for which it was made.
_base_ = "./sync3d_i3d_tvhid.py"

model = dict(
    encoder=dict(backbone=dict(_delete_=True, type="VideoResNet", variant="r2plus1d")), data_preprocessor=dict(size=112)
)
