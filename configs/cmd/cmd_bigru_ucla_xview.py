# CMD on NW-UCLA: joints, motion and bones, a small bidirectional GRU for each; half of the queue is compared.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/ucla.py", "../_base_/schedules/adamw_ucla.py"]
backbone = "bigru"
stream = "joint"
views = "momentum"
batch_size = 64
max_epochs = 60
model = dict(type="CMD", queue_size=512, momentum=0.99, temperature=0.15, topk=256)
optim_wrapper = dict(type="OptimWrapper")
