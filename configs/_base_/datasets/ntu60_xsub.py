# NTU RGB+D 60, cross-subject: 40,091 training clips of 20 people, 16,487 test clips of 20 others.
_base_ = "./ntu_aimclr50.py"

data_root = "data/ntu60"
source = dict(type="StoreSource", root=data_root, num_classes=60)
train_dataloader = dict(dataset=dict(source=source, split="xsub_train"))
val_dataloader = dict(dataset=dict(source=source, roles=dict(bank="xsub_train", query="xsub_test")))
test_dataloader = val_dataloader
