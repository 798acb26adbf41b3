# Sync3D's setting "Easy + Medium": no hard negatives in training. They are in the test all the same.
_base_ = ["../_base_/datasets/tvhid.py", "../_base_/models/sync3d_video.py", "../_base_/schedules/sgd_sync3d.py"]
custom_hooks = []
train_dataloader = dict(dataset=dict(mix=dict(_delete_=True, positive=2, easy=3, medium=3)))
