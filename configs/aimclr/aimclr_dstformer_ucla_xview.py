# AimCLR with DSTformer on NW-UCLA: the ST-GCN's recipe with joints kept apart by the pooling, and safe mining.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/ucla.py", "../_base_/schedules/adamw_ucla.py"]
backbone = "dstformer"
views = "extreme"
batch_size = 64
lr = 1e-3
model = dict(type="AimCLR", queue_size=512, momentum=0.99, temperature=0.15, d3m_weight=0.25, mining=dict())
