# Pairs of people in TV Human Interaction: set 1 trains, set 2 tests, a second at 25 frames a second.
# data_root is the data set as its owners have it, or the folder that tools/dataset_converters/tvhid.py made of it.
# Labels never enter pretraining: pairs are made of boxes and times alone.

data_root = "data/tvhid"
source = dict(type="TVHIDSource", data_root=data_root, size=224)

train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type="EpochSampler", shuffle=True),
    dataset=dict(
        type="PairDataset",
        source=source,
        split="train",
        window=25,
        shift=25,  # so that the windows of a hard negative do not overlap
        placement="any",  # most clips are too short for a hard negative about the middle window
        mix=dict(positive=1, easy=1, medium=1, hard=1),  # one in four is positive, a third of the others hard
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="EpochSampler", shuffle=False),
    dataset=dict(
        type="PairDataset",
        source=source,
        roles=dict(bank="train", query="test"),
        window=25,
        shift=25,
        placement="any",
        mix=dict(positive=1, easy=1, medium=1, hard=1),
        test_mode=True,  # the same pairs in every evaluation
    ),
)
test_dataloader = val_dataloader
