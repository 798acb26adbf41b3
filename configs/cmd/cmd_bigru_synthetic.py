# CMD on the built-in world: a smoke test, which learns.
_base_ = ["../_base_/datasets/synthetic.py", "../_base_/models/synthetic.py", "../_base_/schedules/adamw_synthetic.py"]
backbone = "bigru"
stream = "joint"
views = "momentum"
model = dict(type="CMD", queue_size=512, momentum=0.99, temperature=0.1, topk=256)
