# What the NTU RGB+D and PKU-MMD data sets share: AimCLR's preparation to 50 frames, of a store that
# tools/dataset_converters made of the raw files. A file of a data set adds data_root and its protocol's splits.
# Packed once into a map that every protocol, worker and rank reads: about 1 GB for NTU60, 2 GB for NTU120.

pipeline = [dict(type="AimCLR50", length=50), dict(type="PackSkeleton", num_persons=2)]

train_dataloader = dict(
    batch_size=128,
    num_workers=0,  # a batch is one read of the map, about 1 ms: a worker would only copy it
    drop_last=True,
    sampler=dict(type="EpochSampler", shuffle=True),
    collate_fn=dict(type="motion_collate"),
    dataset=dict(type="SkeletonDataset", pipeline=pipeline, layout="ntu25", cache="disk"),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=0,
    sampler=dict(type="EpochSampler", shuffle=False),
    collate_fn=dict(type="motion_collate"),
    dataset=dict(type="SkeletonDataset", pipeline=pipeline, layout="ntu25", cache="disk"),
)
test_dataloader = val_dataloader
