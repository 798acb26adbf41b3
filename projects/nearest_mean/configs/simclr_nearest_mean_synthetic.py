# SimCLR on the built-in world, judged by a probe and a metric of one's own.
_base_ = [
    "../../../configs/_base_/datasets/synthetic.py",
    "../../../configs/_base_/models/synthetic.py",
    "../../../configs/_base_/schedules/adamw_synthetic.py",
]
custom_imports = dict(imports=["projects.nearest_mean.nearest_mean"])

sync_bn = "torch"
model = dict(type="SimCLR")
probes = dict(knn=dict(type="KNN", k=20), nearest_mean=dict(type="NearestMean"))
val_evaluator = [
    dict(type="FeatureMetric", probes=probes),
    dict(type="FeatureLength"),
]
