# NTU RGB+D 60, of a store that tools/dataset_converters/ntu.py makes. xsub: 40,091 training clips of 20 people and
# 16,487 test clips of 20 others; split=xview: 37,646 of cameras 2 and 3, and 18,932 of camera 1.
data_root = "data/ntu60"
split = "xsub"
# As AimCLR prepares it; "view" turns nothing and keeps distances, for studies of viewpoint; "agcn": 2s-AGCN and CMD.
preparation = "aimclr50"
length = 50  # frames of aimclr50
batch_size = 128

source = dict(type="StoreSource", root=data_root, num_classes=60)
_preparations = dict(
    aimclr50=[dict(type="AimCLR50", length=length), dict(type="PackSkeleton", num_persons=2)],
    view=[dict(type="CTRGCNPreset"), dict(type="ResizeClip", length=64), dict(type="PackSkeleton", num_persons=2)],
    agcn=[
        dict(type="AGCNPreset", length=None), dict(type="ResizeClip", length=128),
        dict(type="PackSkeleton", num_persons=2)])
pipeline = _preparations[preparation]
clips = dict(type="SkeletonDataset", source=source, pipeline=pipeline, layout="ntu25", cache="disk")

train_dataloader = dict(batch_size=batch_size, dataset=dict(clips, split=f"{split}_train"))
val_dataloader = dict(batch_size=128, dataset=dict(clips, roles=dict(bank=f"{split}_train", query=f"{split}_test")))
test_dataloader = val_dataloader

# The encoder is frozen by construction: a probe sees features of training clips (bank) and test clips (query), neither
# augmented. linear is the published protocol of AimCLR: raw features, SGD at rate 3.
val_evaluator = dict(type="FeatureMetric", probes=dict(knn=dict(type="KNN", k=20, temperature=0.1, standardize=True)))
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(
        knn=dict(type="KNN", k=[20, 10, 1], temperature=0.1, standardize=True),
        linear=dict(type="LinearProbe", epochs=100, batch_size=128, lr=3.0, milestones=[80])))
