# Scenes of up to four people, all pairs of each: negatives are the people of the next scene of the batch and those of
# the same scene who stand apart. Tested on pairs, as the others are.
_base_ = ["../_base_/datasets/tvhid.py", "../_base_/models/sync3d_video.py", "../_base_/schedules/sgd_sync3d.py"]
custom_hooks = []
train_dataloader = dict(dataset=dict(persons=4, mix=dict(_delete_=True, positive=1)))
