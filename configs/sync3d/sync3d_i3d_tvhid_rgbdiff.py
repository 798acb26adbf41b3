# RGB difference (TSN, Wang et al., 2016): each frame less the one before it. For training from scratch; published weights
# of I3D want colours.
_base_ = "./sync3d_i3d_tvhid.py"

model = dict(data_preprocessor=dict(difference=True))
