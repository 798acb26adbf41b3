# UTD-MHAD, cross-subject: 431 training clips of subjects 1, 3, 5 and 7, 430 test clips of subjects 2, 4, 6 and 8.
# data_root holds aA_sS_tT_skeleton.mat. They are parsed once, into a cache.
data_root = "data/utd-mhad"
split = "xsub"
preparation = "aligned"
batch_size = 128

source = dict(type="UTDMHADSource", data_root=data_root)
_pack = [dict(type="ResizeClip", length=64), dict(type="PackSkeleton", num_persons=1)]
_preparations = dict(
    # Those of ucla.py. Raw 1-NN by the cosine, across training subjects, is 84.5, 84.0 without the turn.
    aligned=[
        dict(type="CenterOnJoint", joint="spine", frame="first"),
        dict(type="AlignView", line=("left_hip", "right_hip")), *_pack],
    view=[dict(type="CenterOnJoint", joint="spine", frame="first"), *_pack],
    aimclr50=[dict(type="AimCLR50", length=50), dict(type="PackSkeleton", num_persons=1)])
pipeline = _preparations[preparation]
clips = dict(type="SkeletonDataset", source=source, pipeline=pipeline, layout="kinect20", cache=True)

train_dataloader = dict(batch_size=batch_size, dataset=dict(clips, split=f"{split}_train"))
val_dataloader = dict(batch_size=256, dataset=dict(clips, roles=dict(bank=f"{split}_train", query=f"{split}_test")))
test_dataloader = val_dataloader

# As ucla.py, with fewer neighbors: a class has 15 or 16 training clips.
val_evaluator = dict(type="FeatureMetric", probes=dict(knn=dict(type="KNN", k=5, temperature=0.1, standardize=True)))
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(
        knn=dict(type="KNN", k=[5, 10, 1], temperature=0.1, standardize=True),
        linear=dict(type="LinearProbe", epochs=100, batch_size=128, lr=3.0, milestones=[80])))
