# Each track has an encoder of its own.
_base_ = "./sync3d_i3d_tvhid.py"

model = dict(share_weights=False)
