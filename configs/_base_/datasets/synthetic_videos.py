# Pictures alone of the videos of the built-in world (make_synthetic.py av): 16 at 12.5 a second, of 64 pixels.
data_root = "data/synthetic_av"
window = 16
fps = 12.5  # pictures a second
size = 64
source = dict(type="ClipFolderSource", data_root=data_root + "/videos")
clips = dict(type="VideoDataset", source=source, fps=fps, size=size)
loader = dict(batch_size=32, num_workers=0, persistent_workers=False)

train_dataloader = dict(loader, dataset=dict(clips, window=window, split="train"))
val_dataloader = dict(
    loader, dataset=dict(clips, window=window, roles=dict(bank="train", query="test"), test_mode=True))
test_dataloader = val_dataloader

val_evaluator = dict(type="FeatureMetric", probes=dict(knn=dict(type="KNN", k=5, standardize=True)))
test_evaluator = val_evaluator
