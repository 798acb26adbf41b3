# Pairs of people in SBU Kinect Interaction: fold 1 is left out for the test. Windows are short, as clips have 10 to 46
# frames at 15 a second: 10 frames leave hard negatives in those of 20 and more. The two of a clip count as near.

data_root = "data/sbu"
source = dict(type="SkeletonTrackSource", source=dict(type="SBUSource", data_root=data_root), fps=15)

train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    drop_last=True,
    sampler=dict(type="EpochSampler", shuffle=True),
    dataset=dict(
        type="PairDataset",
        source=source,
        split="fold1_train",
        window=10,
        shift=10,
        placement="any",
        mix=dict(positive=1, easy=2, hard=1),
        size=768,
    ),
)
# Eight windows of each clip, the same in every evaluation.
val_dataloader = dict(
    batch_size=256,
    num_workers=0,
    sampler=dict(type="EpochSampler", shuffle=False),
    dataset=dict(
        type="PairDataset",
        source=source,
        roles=dict(bank="fold1_train", query="fold1_test"),
        window=10,
        shift=10,
        placement="any",
        mix=dict(positive=1, easy=2, hard=1),
        size=1760,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
