# Sync3D with MC3-18 (Tran et al., 2018) on crops of 112 pixels, for which it was made.
_base_ = ["../_base_/datasets/tvhid.py", "../_base_/models/sync3d_video.py", "../_base_/schedules/sgd_sync3d.py"]
backbone = dict(_delete_=True, type="VideoResNet", variant="mc3")
pool = dict(window=1)
model = dict(data_preprocessor=dict(size=112))
