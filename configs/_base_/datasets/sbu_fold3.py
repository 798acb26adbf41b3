# As sbu_fold1.py, fold 3 is left out.
_base_ = "./sbu_fold1.py"

train_dataloader = dict(dataset=dict(split="fold3_train"))
val_dataloader = dict(dataset=dict(roles=dict(bank="fold3_train", query="fold3_test")))
test_dataloader = val_dataloader
