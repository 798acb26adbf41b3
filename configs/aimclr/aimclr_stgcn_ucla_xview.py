# AimCLR on NW-UCLA, the recipe for a small set: a short queue (a long one is full of other epochs' copies of the same
# 1020 clips), a wide and shallow ST-GCN on half the frames, views that turn and mirror, AdamW.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/ucla.py", "../_base_/schedules/adamw_ucla.py"]
views = "extreme"
batch_size = 64
max_epochs = 200  # KNN still gains 3 points after epoch 100
model = dict(type="AimCLR", queue_size=512, momentum=0.99, temperature=0.15, d3m_weight=0.25, mining=None)
