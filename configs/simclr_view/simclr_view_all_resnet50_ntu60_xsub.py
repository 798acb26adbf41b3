# Encoders: ResNet-50 in place of ResNet-18.
_base_ = "./simclr_view_all_resnet18_ntu60_xsub.py"

model = dict(encoder=dict(backbone=dict(depth=50)))
