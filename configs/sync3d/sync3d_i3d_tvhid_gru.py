# A recurrent layer over the steps of I3D's map in place of their mean.
_base_ = "./sync3d_i3d_tvhid.py"

model = dict(encoder=dict(pool=dict(time="gru", hidden_channels=512)))
