# NW-UCLA as AimCLR's preparation would make it: each frame centred and turned parallel to x, 50 frames.
# For the published recipes; the trajectory is gone, so the shipped recipes use ucla_xview.py.
_base_ = "./ucla_xview.py"

pipeline = [dict(type="AimCLR50", length=50), dict(type="PackSkeleton", num_persons=1)]
train_dataloader = dict(batch_size=128, dataset=dict(pipeline=pipeline))
val_dataloader = dict(dataset=dict(pipeline=pipeline))
test_dataloader = dict(dataset=dict(pipeline=pipeline))
