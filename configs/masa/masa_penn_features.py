# MASA (Kwon et al.), on features of the frames of Penn Action (DINOv2, 1536 numbers), as published: no augmentation of
# joints, a batch of 32, 150 epochs. Videos and phases are those of CARL; tools/dataset_converters/frame_features.py
# makes the features, see docs/sequences.md.
_base_ = ["../_base_/datasets/penn_alignment.py", "../_base_/models/sequence.py", "../_base_/schedules/alignment.py"]
data_root = "data/carl/penn_action"
features = "data/penn_dino"
source = dict(_delete_=True, type="CARLSource", data_root=data_root, features=features)
activities = None  # or names
sequences = dict(activities=activities)
layout = None
normalize = None
in_channels = 1536
move = []
trim = 0.5
backbone = dict(widths=[512, 512, 128])
max_epochs = 150
loss = dict(type="IndexMatchingLoss", normalize_index=True, denom_min=0.01)
model = dict(type="MASA", context=dict(type="CrossContext"), loss=loss)
