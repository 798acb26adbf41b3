# Encoders: the ResNet-50 of twice the width.
_base_ = "./simclr_view_all_resnet50_ntu60_xsub.py"

model = dict(encoder=dict(backbone=dict(width=2.0)))
