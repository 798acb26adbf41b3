# MASA (Kwon et al.), on features of the frames of Penn Action (DINOv2, 1536 numbers), as published: no augmentation of
# joints, a batch of 32, 150 epochs. Videos and phases are those of CARL; features are made by
#   python tools/dataset_converters/frame_features.py data/penn_dino --source type=CARLSource \
#       data_root=data/carl/penn_action --backbone timm:vit_giant_patch14_dinov2 --amp \
#       --checkpoint dinov2_vitg14_pretrain.pth
_base_ = ["../_base_/datasets/penn_alignment.py", "../_base_/models/masa.py", "../_base_/schedules/alignment.py"]
data_root = "data/carl/penn_action"
features = "data/penn_dino"
source = dict(_delete_=True, type="CARLSource", data_root=data_root, features=features)
activities = None  # or names
sequences = dict(activities=activities)
layout = None
normalize = None
in_channels = 1536
move = []
backbone = dict(widths=[512, 512, 128])
max_epochs = 150
