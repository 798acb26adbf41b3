# The built-in world of procedural people: 25 joints, one or two persons, deterministic by seed.
# Training and test share no performer.

source = dict(type="SyntheticSource", num_clips=(1536, 512))
pipeline = [
    dict(type="CenterOnJoint", frame="first", person="first"),  # two persons keep their distance
    dict(type="ResizeClip", length=64),
    dict(type="PackSkeleton", num_persons=2),
]

train_dataloader = dict(
    batch_size=128,
    num_workers=0,  # the packed clips are kept in memory: a worker would only copy them
    drop_last=True,
    sampler=dict(type="EpochSampler", shuffle=True),
    collate_fn=dict(type="motion_collate"),
    dataset=dict(type="SkeletonDataset", source=source, pipeline=pipeline, split="train", layout="ntu25", cache=True),
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
        roles=dict(bank="train", query="test"),
        layout="ntu25",
        cache=True,
    ),
)
test_dataloader = val_dataloader
