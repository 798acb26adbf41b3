# NTU RGB+D 60, cross-view: 37,646 training clips of cameras 2 and 3, 18,932 test clips of camera 1.
_base_ = "./ntu60_xsub.py"

train_dataloader = dict(dataset=dict(split="xview_train"))
val_dataloader = dict(dataset=dict(roles=dict(bank="xview_train", query="xview_test")))
test_dataloader = val_dataloader
