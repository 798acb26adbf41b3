# The default on one's own clips, of any layout: --cfg-options root=STORE, in mmsync's format (docs/data.md). Splits are
# train and test, or --cfg-options train=NAME test=NAME.
_base_ = ["../_base_/datasets/store.py", "../_base_/models/motion.py", "../_base_/schedules/motion.py"]
persons = 2
train_dataloader = dict(drop_last=False)  # it may have fewer clips than a batch
