# UCF101: 16 pictures at 15 a second, a square of 128 pixels, for crops of 112. --cfg-options fold=2 takes another fold.
# data_root has UCF-101/ and ucfTrainTestlist/ of the published archives. All videos are decoded once, before training.
data_root = "data/ucf101"
fold = 1
source = dict(type="UCF101Source", data_root=data_root, fold=fold)

clips = dict(type="VideoDataset", source=source, window=16, fps=15, size=128)
loader = dict(batch_size=32, num_workers=4)

train_dataloader = dict(loader, persistent_workers=True, dataset=dict(clips, split="train"))
val_dataloader = dict(  # the middle window of each video
    loader, persistent_workers=True, dataset=dict(clips, roles=dict(query="test"), test_mode=True))
# Ten windows of each video, whose softmax is averaged.
test_dataloader = dict(loader, dataset=dict(clips, roles=dict(query="test"), clips=10, test_mode=True))

val_evaluator = dict(type="Accuracy")
test_evaluator = dict(type="Accuracy", per_video=True)
