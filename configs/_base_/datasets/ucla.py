# NW-UCLA, cross-view: 1020 training clips of views 1 and 2, 464 test clips of view 3.
# data_root holds all_sqe/*.json, the files that the users of CTR-GCN have. They are parsed once, into a cache.
data_root = "data/nw-ucla"
split = "xview"
preparation = "aligned"
batch_size = 128

source = dict(type="NWUCLASource", data_root=data_root)
_pack = [dict(type="ResizeClip", length=64), dict(type="PackSkeleton", num_persons=1)]
_preparations = dict(
    # Cameras differ by yaw: one turn a clip takes most of that out (raw 1-NN 63 -> 72), and leaves walking and turning.
    aligned=[
        dict(type="CenterOnJoint", frame="first"), dict(type="AlignView", line=("left_hip", "right_hip")), *_pack],
    # For studies of viewpoint nothing is turned, and the spine is the origin, as ViewDistance has it.
    view=[dict(type="CenterOnJoint", joint="spine", frame="first"), *_pack],
    # As AimCLR prepares NTU: each frame centered and turned parallel to x, so that the trajectory is gone.
    aimclr50=[dict(type="AimCLR50", length=50), dict(type="PackSkeleton", num_persons=1)])
pipeline = _preparations[preparation]
clips = dict(type="SkeletonDataset", source=source, pipeline=pipeline, layout="kinect20", cache=True)

train_dataloader = dict(batch_size=batch_size, dataset=dict(clips, split=f"{split}_train"))
val_dataloader = dict(batch_size=256, dataset=dict(clips, roles=dict(bank=f"{split}_train", query=f"{split}_test")))
test_dataloader = val_dataloader

# The encoder is frozen by construction: a probe sees features of training clips (bank) and test clips (query), neither
# augmented. linear is the published protocol of AimCLR: raw features, SGD at rate 3.
val_evaluator = dict(type="FeatureMetric", probes=dict(knn=dict(type="KNN", k=20, temperature=0.1, standardize=True)))
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(
        knn=dict(type="KNN", k=[20, 10, 1], temperature=0.1, standardize=True),
        linear=dict(type="LinearProbe", epochs=100, batch_size=128, lr=3.0, milestones=[80])))
