# Whole clips of SBU Kinect Interaction, both persons: which of 8 interactions? The videos of one fold are the test, the
# other folds that are there the training. sbu.py cuts the same clips into pairs of tracks. The axes of the files have
# three units, as published (Yun et al., 2012); ScaleAxes makes them one.
data_root = "data/sbu"
fold = 1
batch_size = 64

source = dict(type="SBUSource", data_root=data_root)
pipeline = [
    dict(type="ScaleAxes", factors=(2.56, 1.92, 1.28)),
    dict(type="CenterOnJoint", frame="first", person="first"),  # two persons keep their distance
    dict(type="ResizeClip", length=32),
    dict(type="PackSkeleton", num_persons=2)]
clips = dict(type="SkeletonDataset", source=source, pipeline=pipeline, layout="sbu15", cache=True)
roles = dict(bank=f"fold{fold}_train", query=f"fold{fold}_test")

train_dataloader = dict(batch_size=batch_size, dataset=dict(clips, split=f"fold{fold}_train"))
val_dataloader = dict(batch_size=256, dataset=dict(clips, roles=roles))
test_dataloader = val_dataloader

# As ucla.py, with fewer neighbors: a class has about 13 training clips.
val_evaluator = dict(type="FeatureMetric", probes=dict(knn=dict(type="KNN", k=5, temperature=0.1, standardize=True)))
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(
        knn=dict(type="KNN", k=[5, 1], temperature=0.1, standardize=True),
        linear=dict(type="LinearProbe", epochs=100, batch_size=128, lr=3.0, milestones=[80])))
