# The windows of the report: the middle second of what two tracks have in common, and no other. Hard negatives are then
# in tracks of three seconds and more alone; the log says how often each is drawn again.
_base_ = ["../_base_/datasets/tvhid.py", "../_base_/models/sync3d_video.py", "../_base_/schedules/sgd_sync3d.py"]
pairs = dict(placement="center")
