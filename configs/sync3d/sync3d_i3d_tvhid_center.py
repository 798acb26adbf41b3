# The windows of the report: the middle second of what two tracks have in common, and no other. Hard negatives are then
# in tracks of three seconds and more alone; the log tells how often each is drawn again.
_base_ = "./sync3d_i3d_tvhid.py"

train_dataloader = dict(dataset=dict(placement="center"))
val_dataloader = dict(dataset=dict(placement="center"))
test_dataloader = dict(dataset=dict(placement="center"))
