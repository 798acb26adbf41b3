# Encoders of docs/view_and_distance.md: ResNet-18 of a quarter of its width, on images of 20 joints x 32 frames.
_base_ = ["../_base_/datasets/ucla.py", "../_base_/models/view_ucla.py", "../_base_/schedules/adamw_ucla.py"]
encoder = "resnet18"
preparation = "view"
max_epochs = 60
