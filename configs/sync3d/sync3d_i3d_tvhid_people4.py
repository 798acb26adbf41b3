# Scenes of up to four people, all pairs of each: negatives are the people of the next scene of the batch and those of
# the same scene who stand apart. Tested on pairs, as the others are.
_base_ = "./sync3d_i3d_tvhid.py"

custom_hooks = []
train_dataloader = dict(dataset=dict(persons=4, mix=dict(_delete_=True, positive=1)))
