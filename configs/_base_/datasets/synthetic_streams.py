# Two streams of one clock that are neither pictures nor sound, of the built-in world (make_synthetic.py av): skeletons at
# 25 frames a second, and an accelerometer at the wrist at 100. Labels never enter pretraining.
data_root = "data/synthetic_av"
duration = 1.0  # seconds
mix = dict(positive=1, easy=1)
streams = dict(skeleton=dict(folder="skeletons", rate=25, persons=True), inertial=dict(rate=100))
source = dict(
    type="StreamSource", data_root=data_root, streams=streams, splits=["train", "test"],
    labels_file=data_root + "/scenes.json")
windows = dict(type="StreamDataset", source=source, duration=duration)
roles = dict(bank="train", query="test")
loader = dict(num_workers=0, persistent_workers=False)

train_dataloader = dict(loader, batch_size=64, dataset=dict(windows, mix=mix, split="train", num_samples=3200))
val_dataloader = dict(
    loader, batch_size=100, dataset=dict(
        windows, roles=roles, mix=dict(positive=2, easy=1, hard=1), num_samples=1000, test_mode=True))
test_dataloader = val_dataloader

val_evaluator = dict(
    type="FeatureMetric", probes=dict(pairs=dict(type="PairVerification"), knn=dict(type="KNN", k=5, standardize=True)))
test_evaluator = val_evaluator
