# UCF101: 16 pictures at 15 a second, a square of 128 pixels, for crops of 112. --cfg-options fold=2 takes another fold.
# data_root has UCF-101/ and ucfTrainTestlist/ of the published archives. All videos are decoded once, before training.

data_root = "data/ucf101"
fold = 1
source = dict(type="UCF101Source", data_root=data_root, fold=fold)

train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type="EpochSampler", shuffle=True),
    dataset=dict(type="VideoDataset", source=source, split="train", window=16, fps=15, size=128),
)
# The middle window of each test video.
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="EpochSampler", shuffle=False),
    dataset=dict(
        type="VideoDataset", source=source, roles=dict(query="test"), window=16, fps=15, size=128, test_mode=True
    ),
)
# Ten windows of each, whose softmax is averaged.
test_dataloader = dict(
    batch_size=32,
    num_workers=4,
    sampler=dict(type="EpochSampler", shuffle=False),
    dataset=dict(
        type="VideoDataset", source=source, roles=dict(query="test"), window=16, fps=15, size=128, clips=10,
        test_mode=True,
    ),
)  # fmt: skip
