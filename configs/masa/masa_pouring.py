# MASA (Kwon et al.), on features of the frames of Pouring. No results on Pouring are published. CARL and VSP compare
# every fifth frame of it.
_base_ = ["../_base_/datasets/pouring_alignment.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
layout = None
normalize = None
in_channels = 1536
move = []
trim = 0.5
backbone = dict(widths=[512, 512, 128])
max_epochs = 150
val_evaluator = dict(probes=dict(tau=dict(stride=5)))
test_evaluator = dict(probes=dict(tau=dict(stride=5), frame_retrieval=dict(stride=5)))
loss = dict(type="IndexMatchingLoss", normalize_index=True, denom_min=0.01)
model = dict(type="MASA", context=dict(type="CrossContext"), loss=loss)
