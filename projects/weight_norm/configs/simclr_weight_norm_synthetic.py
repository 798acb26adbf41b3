# SimCLR on the built-in world with a hook of one's own.
_base_ = [
    "../../../configs/_base_/datasets/synthetic.py",
    "../../../configs/_base_/models/synthetic.py",
    "../../../configs/_base_/schedules/adamw_synthetic.py",
]
custom_imports = dict(imports=["projects.weight_norm.weight_norm"])

sync_bn = "torch"
model = dict(type="SimCLR")
custom_hooks = [dict(type="WeightNormHook", parts=("encoder.backbone", "encoder.projector"), interval=1)]
