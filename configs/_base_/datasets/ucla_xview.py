# NW-UCLA, cross-view: 1020 training clips of views 1 and 2, 464 test clips of view 3. Labels never enter pretraining.
# The json files that CTR-GCN's users have: data_root holds all_sqe/*.json. They are parsed once, into a cache.

data_root = "data/nw-ucla"
source = dict(type="NWUCLASource", data_root=data_root)
pipeline = [
    dict(type="CenterOnJoint", frame="first"),
    # Cameras differ by yaw: one turn a clip takes most of that out (raw 1-NN 63 -> 72), and leaves walking and turning.
    dict(type="AlignView", line=("left_hip", "right_hip")),
    dict(type="ResizeClip", length=64),
    dict(type="PackSkeleton", num_persons=1),
]

train_dataloader = dict(
    batch_size=128,
    num_workers=0,  # the packed clips are kept in memory: a worker would only copy them
    drop_last=True,
    sampler=dict(type="EpochSampler", shuffle=True),
    collate_fn=dict(type="motion_collate"),
    dataset=dict(
        type="SkeletonDataset", source=source, pipeline=pipeline, split="xview_train", layout="kinect20", cache=True
    ),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=0,
    sampler=dict(type="EpochSampler", shuffle=False),
    collate_fn=dict(type="motion_collate"),
    dataset=dict(
        type="SkeletonDataset",
        source=source,
        pipeline=pipeline,
        roles=dict(bank="xview_train", query="xview_test"),
        layout="kinect20",
        cache=True,
    ),
)
test_dataloader = val_dataloader
