# Sync3D's setting "Hard", without a curriculum: a third of the negatives is hard from the first epoch on.
_base_ = ["../_base_/datasets/tvhid.py", "../_base_/models/sync3d_video.py", "../_base_/schedules/sgd_sync3d.py"]
custom_hooks = []
