# The report's setting "Easy + Medium": no hard negatives in training. They are in the test all the same.
_base_ = "./sync3d_i3d_tvhid.py"

custom_hooks = []
train_dataloader = dict(dataset=dict(mix=dict(_delete_=True, positive=2, easy=3, medium=3)))
