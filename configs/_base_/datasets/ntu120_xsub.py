# NTU RGB+D 120, cross-subject: 63,026 training clips of 53 people, 50,919 test clips of 53 others.
_base_ = "./ntu_aimclr50.py"

data_root = "data/ntu120"
source = dict(type="StoreSource", root=data_root, num_classes=120)
train_dataloader = dict(dataset=dict(source=source, split="xsub_train"))
val_dataloader = dict(dataset=dict(source=source, roles=dict(bank="xsub_train", query="xsub_test")))
test_dataloader = val_dataloader
