# TCN (Sermanet et al., 2018), single-view: positives are one to five frames before their anchors.
_base_ = ["../_base_/datasets/synthetic_sequences.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
lr = 1e-3
weight_decay = 1e-5
views = dict(_delete_=True, clip=[dict(type="TCNPairs", num=20)])
min_match = 0
model = dict(type="TCN")
