# The default on whole clips of SBU; fold 1 is the test.
_base_ = ["../_base_/datasets/sbu_clips.py", "../_base_/models/motion.py", "../_base_/schedules/motion.py"]
batch_size = 128
train_dataloader = dict(drop_last=False)  # the other folds have fewer clips than a batch
