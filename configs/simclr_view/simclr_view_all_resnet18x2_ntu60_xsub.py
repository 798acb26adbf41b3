# Encoders: the ResNet-18 of twice the width.
_base_ = "./simclr_view_all_resnet18_ntu60_xsub.py"

model = dict(encoder=dict(backbone=dict(width=2.0)))
