# The same pairs seen as optical flow. tools/analysis_tools/ensemble.py adds its scores to those of color.
_base_ = ["../_base_/datasets/tvhid.py", "../_base_/models/sync3d_video.py", "../_base_/schedules/sgd_sync3d.py"]
source = dict(flow="dis")
backbone = dict(in_channels=2)
tracks = [dict(type="VideoCropResize", scale=(0.875, 1.0)), dict(type="VideoFlip")]
