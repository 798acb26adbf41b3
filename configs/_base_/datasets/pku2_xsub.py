# PKU-MMD phase II, cross-subject: the harder and smaller half, 51 classes.
_base_ = "./ntu_aimclr50.py"

data_root = "data/pku2"
source = dict(type="StoreSource", root=data_root, num_classes=51)
train_dataloader = dict(dataset=dict(source=source, split="xsub_train"))
val_dataloader = dict(dataset=dict(source=source, roles=dict(bank="xsub_train", query="xsub_test")))
test_dataloader = val_dataloader
