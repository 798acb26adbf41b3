# The arrow of time without pictures: is this skeleton clip of the built-in world played backward? Both versions of each
# clip are in the batch. Bodies are centered frame by frame: centered by their first frame, they would give it away.
_base_ = ["../_base_/datasets/synthetic.py", "../_base_/models/synthetic.py", "../_base_/schedules/adamw_synthetic.py"]
stream = "joint"
pipeline = [
    dict(type="CenterOnJoint", joint="center", frame="each", person="first"),
    dict(type="ResizeClip", length=64),
    dict(type="PackSkeleton", num_persons=2)]
normal = [
    dict(type="RandomCropResize", scale=(0.5, 1.0), size=32),
    dict(type="RandomRotation", max_degrees=(10, 180, 10)),
    dict(type="Mirror")]
reverse = dict(type="TemporalFlip", prob=1.0)
model = dict(
    type="PlaybackDirection",
    encoder=dict(projector=None),
    data_preprocessor=dict(views=dict(_delete_=True, forward=normal, backward=[*normal, reverse])))
val_evaluator = dict(probes=dict(direction=dict(type="DirectionAccuracy")))
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best="direction/accuracy"))
