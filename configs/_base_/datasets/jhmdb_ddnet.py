# JHMDB, 2D joints: the 609 clips of 14 classes in DD-Net's files. split=split1, split2 or split3: 433 or 434 training
# clips, 176 or 175 test clips. data_root holds GT_train_K.pkl and GT_test_K.pkl. They are read once, into a cache.
data_root = "data/jhmdb_dd-net"
split = "split1"
preparation = "body"
batch_size = 128

source = dict(type="JHMDBDDNetSource", data_root=data_root)
_pack = [dict(type="ResizeClip", length=64), dict(type="PackSkeleton", num_persons=1)]
_preparations = dict(
    # Place and size in the picture say little, as cameras move: each body is centered and scaled by its bones. Among
    # training clips, raw 1-NN has 74.7 in the mean of the splits; 71.8 without the scale, 70.1 for path.
    body=[dict(type="ScaleToBody"), dict(type="CenterOnJoint", frame="each"), *_pack],
    path=[dict(type="ScaleToBody"), dict(type="CenterOnJoint", frame="first"), *_pack])
pipeline = _preparations[preparation]
clips = dict(type="SkeletonDataset", source=source, pipeline=pipeline, layout="jhmdb15", cache=True)

train_dataloader = dict(batch_size=batch_size, dataset=dict(clips, split=f"{split}_train"))
val_dataloader = dict(batch_size=256, dataset=dict(clips, roles=dict(bank=f"{split}_train", query=f"{split}_test")))
test_dataloader = val_dataloader

# As ucla.py: the smallest class has 25 training clips.
val_evaluator = dict(type="FeatureMetric", probes=dict(knn=dict(type="KNN", k=20, temperature=0.1, standardize=True)))
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(
        knn=dict(type="KNN", k=[20, 10, 1], temperature=0.1, standardize=True),
        linear=dict(type="LinearProbe", epochs=100, batch_size=128, lr=3.0, milestones=[80])))
