# HMDB51, as ucf101.py. data_root has hmdb51_org/<class>/*.avi and testTrainMulti_7030_splits/. The shortest clips have
# 20 frames at 30 a second: what ends before the window is shown again from its beginning.
data_root = "data/hmdb51"
fold = 1
source = dict(type="HMDB51Source", data_root=data_root, fold=fold)

clips = dict(type="VideoDataset", source=source, window=16, fps=15, size=128)
loader = dict(batch_size=32, num_workers=4)

train_dataloader = dict(loader, persistent_workers=True, dataset=dict(clips, split="train"))
val_dataloader = dict(  # the middle window of each video
    loader, persistent_workers=True, dataset=dict(clips, roles=dict(query="test"), test_mode=True))
# Ten windows of each video, whose softmax is averaged.
test_dataloader = dict(loader, dataset=dict(clips, roles=dict(query="test"), clips=10, test_mode=True))

val_evaluator = dict(type="Accuracy")
test_evaluator = dict(type="Accuracy", per_video=True)
