# ReLIC on the built-in world: encoder, views and schedule are those of the SimCLR recipe.
_base_ = [
    "../../../configs/_base_/datasets/synthetic.py",
    "../../../configs/_base_/models/synthetic.py",
    "../../../configs/_base_/schedules/adamw_synthetic.py",
]
custom_imports = dict(imports=["projects.relic.relic"])

sync_bn = "torch"
model = dict(type="ReLIC", temperature=0.1, invariance_weight=1.0, momentum=0.99)
