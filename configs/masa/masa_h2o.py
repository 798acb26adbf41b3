# MASA (Kwon et al.), on both hands of the whole recordings of H2O, 42 joints in 3D. Phases are the 36 actions, so the
# probe `actions` is the action recognition of the paper. As published: a batch of 16, 150 epochs.
_base_ = ["../_base_/datasets/h2o_alignment.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
data_root = "data/h2o"
source = dict(_delete_=True, type="H2OSource", data_root=data_root, items="recordings")
layout = "hands42"
normalize = "hands42"
in_channels = 126
max_epochs = 150
test_evaluator = dict(probes=dict(actions=dict(type="ActionRecognition", num_frames=16)))
loss = dict(type="IndexMatchingLoss", normalize_index=True, denom_min=0.01)
model = dict(type="MASA", context=dict(type="CrossContext"), loss=loss)
