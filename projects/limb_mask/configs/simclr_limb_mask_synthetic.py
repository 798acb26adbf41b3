# SimCLR on the built-in world whose views hide a limb, between two augmentations that mmsync fuses.
_base_ = [
    "../../../configs/_base_/datasets/synthetic.py",
    "../../../configs/_base_/models/synthetic.py",
    "../../../configs/_base_/schedules/adamw_synthetic.py",
]
custom_imports = dict(imports=["projects.limb_mask.limb_mask"])

sync_bn = "torch"
view = [
    dict(type="RandomCropResize", scale=(0.5, 1.0), size=32),
    dict(type="LimbMask", prob=0.5),
    dict(type="RandomRotation", max_degrees=(10, 180, 10)),
]
model = dict(type="SimCLR", data_preprocessor=dict(views=dict(first=view, second=view)))
