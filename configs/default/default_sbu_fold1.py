# The default on whole clips of SBU; fold 1 is the test. The axes of the files have three units, as published (Yun et
# al., 2012).
_base_ = ["../_base_/datasets/sbu_clips.py", "../_base_/models/motion.py", "../_base_/schedules/motion.py"]
batch_size = 128
pipeline = [
    dict(type="ScaleAxes", factors=(2.56, 1.92, 1.28)),
    dict(type="ResizeClip", length=64),
    dict(type="PackSkeleton", num_persons=2)]
train_dataloader = dict(drop_last=False)  # the other folds have fewer clips than a batch
