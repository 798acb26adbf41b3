# The built-in world of procedural people: 25 joints, one or two persons, deterministic by seed.
# Training and test share no performer.
origin = "center"  # the joint in the origin; "spine" for studies of viewpoint, as ViewDistance has it
batch_size = 128
source = dict(type="SyntheticSource", num_clips=(1536, 512))
pipeline = [
    dict(type="CenterOnJoint", joint=origin, frame="first", person="first"),  # two persons keep their distance
    dict(type="ResizeClip", length=64),
    dict(type="PackSkeleton", num_persons=2)]
clips = dict(type="SkeletonDataset", source=source, pipeline=pipeline, layout="ntu25", cache=True)

train_dataloader = dict(batch_size=batch_size, dataset=dict(clips, split="train"))
val_dataloader = dict(batch_size=256, dataset=dict(clips, roles=dict(bank="train", query="test")))
test_dataloader = val_dataloader

# The encoder is frozen by construction: a probe sees features of training clips (bank) and test clips (query), neither
# augmented. linear is the published protocol of AimCLR: raw features, SGD at rate 3.
val_evaluator = dict(type="FeatureMetric", probes=dict(knn=dict(type="KNN", k=20, temperature=0.1, standardize=True)))
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(
        knn=dict(type="KNN", k=[20, 10, 1], temperature=0.1, standardize=True),
        linear=dict(type="LinearProbe", epochs=100, batch_size=128, lr=3.0, milestones=[80])))
