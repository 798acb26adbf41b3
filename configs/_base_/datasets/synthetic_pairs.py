# Two people of the built-in world, in what they do together: 25 joints, 30 frames a second. Training and test share no
# performer. The two of a clip count as near, so that there are no medium negatives.

source = dict(
    type="SkeletonTrackSource",
    source=dict(
        type="SyntheticSource",
        num_clips=(512, 256),
        actions=["shake_hands", "high_five", "push", "approach", "depart"],
    ),
    fps=30,
)

train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    drop_last=True,
    sampler=dict(type="EpochSampler", shuffle=True),
    dataset=dict(
        type="PairDataset",
        source=source,
        split="train",
        window=20,
        shift=20,
        placement="any",
        mix=dict(positive=1, easy=2, hard=1),
    ),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=0,
    sampler=dict(type="EpochSampler", shuffle=False),
    dataset=dict(
        type="PairDataset",
        source=source,
        roles=dict(bank="train", query="test"),
        window=20,
        shift=20,
        placement="any",
        mix=dict(positive=1, easy=2, hard=1),
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
