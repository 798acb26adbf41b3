# Encoders: the ResNet-18 of twice the width.
_base_ = "./simclr_view_all_resnet18_synthetic.py"

model = dict(encoder=dict(backbone=dict(width=0.25)))
