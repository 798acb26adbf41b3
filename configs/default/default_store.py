# The default on one's own clips: --cfg-options root=STORE, in mmsync's format (docs/data.md), with splits train and test
# (or train=NAME test=NAME). Known layouts are remapped; `layout` of None takes that of the store, which may be one
# of your own with the same names of joints. Without labels: val_evaluator.probes=[].
_base_ = ["../_base_/datasets/store.py", "../_base_/models/motion.py", "../_base_/schedules/motion.py"]
layout = "kinect20"
persons = 2
train_dataloader = dict(drop_last=False)  # there may be fewer clips than a batch
