# Encoders: the ResNet-34 of twice the width.
_base_ = "./simclr_view_all_resnet34_ntu60_xsub.py"

model = dict(encoder=dict(backbone=dict(width=2.0)))
