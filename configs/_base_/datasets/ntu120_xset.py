# NTU RGB+D 120, cross-setup: 54,468 training clips of even setups, 59,477 test clips of odd ones.
_base_ = "./ntu120_xsub.py"

train_dataloader = dict(dataset=dict(split="xset_train"))
val_dataloader = dict(dataset=dict(roles=dict(bank="xset_train", query="xset_test")))
test_dataloader = val_dataloader
