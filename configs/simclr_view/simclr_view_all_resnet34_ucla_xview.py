# Encoders: ResNet-34 in place of ResNet-18.
_base_ = "./simclr_view_all_resnet18_ucla_xview.py"

model = dict(encoder=dict(backbone=dict(depth=34)))
