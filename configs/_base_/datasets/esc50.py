# ESC-50: ten windows of a second of each recording. --cfg-options dataset.fold=2 of tools/benchmark.py takes another of
# the five folds. data_root has audio/ and meta/ of the published archive; rate and duration are those of the pretraining.
data_root = "data/esc50"
fold = 1
duration = 1.0  # seconds
rate = 16000
source = dict(type="ESC50Source", data_root=data_root, fold=fold)
windows = dict(type="AudioDataset", source=source, duration=duration, rate=rate)
loader = dict(batch_size=64, num_workers=2)

train_dataloader = dict(loader, persistent_workers=True, dataset=dict(windows, split="train"))
test_dataloader = dict(
    loader, dataset=dict(windows, roles=dict(bank="train", query="test"), clips=10, test_mode=True))
test_evaluator = dict(
    type="FeatureMetric", probes=dict(svm=dict(type="SVMProbe", C=[1e-3, 1e-2, 1e-1, 1], column="feature_audio")))
