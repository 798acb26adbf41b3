# Videos with sound of the built-in world (tools/dataset_converters/make_synthetic.py av data/synthetic_av): six kinds of
# strikes, irregular in time, sometimes beside a silent second person. Labels never enter pretraining.
data_root = "data/synthetic_av"
size = 64
frames = 25
fps = 25  # pictures a second
duration = 1.0
rate = 16000
mix = dict(positive=1, easy=1)
source = dict(type="ClipFolderSource", data_root=data_root + "/videos")
windows = dict(
    type="AudioVisualDataset", source=source, duration=duration, frames=frames, fps=fps, size=size, rate=rate)
roles = dict(bank="train", query="test")
loader = dict(num_workers=0, persistent_workers=False)

train_dataloader = dict(loader, batch_size=32, dataset=dict(windows, mix=mix, split="train", num_samples=1600))
val_dataloader = dict(
    loader, batch_size=50, dataset=dict(
        windows, roles=roles, mix=dict(positive=2, easy=1, hard=1), num_samples=600, test_mode=True))
test_dataloader = val_dataloader

# Are windows in sync told from others, and what do the features of pictures and of sound know of the class?
knn = dict(type="KNN", k=5, standardize=True)
val_evaluator = dict(
    type="FeatureMetric", probes=dict(pairs=dict(type="PairVerification"), knn=knn, knn_audio=dict(knn, column="feature_audio")))
test_evaluator = val_evaluator
