# The arrow of time without pictures: is this skeleton clip of NW-UCLA played backward? Both versions of each clip are in
# the batch. Bodies are centered frame by frame: centered by their first frame, they would give the direction away.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/ucla.py", "../_base_/schedules/adamw_ucla.py"]
stream = "joint"
batch_size = 64
max_epochs = 60
pipeline = [
    dict(type="CenterOnJoint", joint="center", frame="each"),
    dict(type="ResizeClip", length=64),
    dict(type="PackSkeleton", num_persons=1)]
normal = [
    dict(type="RandomCropResize", scale=(0.5, 1.0), size=32),
    dict(type="Mirror"),
    dict(type="RandomRotation", max_degrees=(10, 180, 10)),
    dict(type="RandomScale", scale=(0.9, 1.1))]
reverse = dict(type="TemporalFlip", prob=1.0)
model = dict(
    type="PlaybackDirection",
    encoder=dict(projector=None),
    data_preprocessor=dict(recenter=False, views=dict(_delete_=True, forward=normal, backward=[*normal, reverse])))
val_evaluator = dict(probes=dict(direction=dict(type="DirectionAccuracy")))
test_evaluator = dict(probes=dict(direction=dict(type="DirectionAccuracy")))
default_hooks = dict(checkpoint=dict(save_best="direction/accuracy"))
