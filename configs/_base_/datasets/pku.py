# PKU-MMD, cross-subject, of a store that tools/dataset_converters/pku.py makes: the labeled segments of its videos as
# clips, 51 classes. Phase 2 is the harder and smaller half, to which encoders are transferred.
phase = 2
data_root = f"data/pku{phase}"
split = "xsub"

source = dict(type="StoreSource", root=data_root, num_classes=51)
pipeline = [dict(type="AimCLR50", length=50), dict(type="PackSkeleton", num_persons=2)]
clips = dict(type="SkeletonDataset", source=source, pipeline=pipeline, layout="ntu25", cache="disk")

train_dataloader = dict(batch_size=128, dataset=dict(clips, split=f"{split}_train"))
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
