# As sbu_fold1.py, fold 2 is left out.
_base_ = "./sbu_fold1.py"

train_dataloader = dict(dataset=dict(split="fold2_train"))
val_dataloader = dict(dataset=dict(roles=dict(bank="fold2_train", query="fold2_test")))
test_dataloader = val_dataloader
