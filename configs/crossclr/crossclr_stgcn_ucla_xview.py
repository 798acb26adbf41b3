# CrosSCLR on NW-UCLA: the recipe of skeletonclr_stgcn_ucla_xview.py, three streams; each mines for the others in the
# second half.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/ucla.py", "../_base_/schedules/adamw_ucla.py"]
stream = "joint"
views = "momentum"
batch_size = 64
max_epochs = 20
model = dict(type="CrosSCLR", queue_size=512, momentum=0.99, temperature=0.15, cross_epoch=10)
