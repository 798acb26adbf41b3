# Acoustic scenes of DCASE 2013: sixty windows of a second of each recording of 30 s. data_root has the folders of both
# published archives; rate and duration are those of the pretraining.
data_root = "data/dcase2013"
duration = 1.0  # seconds
rate = 16000
source = dict(type="DCASE2013Source", data_root=data_root)
windows = dict(type="AudioDataset", source=source, duration=duration, rate=rate)
loader = dict(batch_size=64, num_workers=2)

train_dataloader = dict(loader, persistent_workers=True, dataset=dict(windows, split="train"))
test_dataloader = dict(
    loader, dataset=dict(windows, roles=dict(bank="train", query="test"), clips=60, test_mode=True))
test_evaluator = dict(
    type="FeatureMetric", probes=dict(svm=dict(type="SVMProbe", C=[1e-3, 1e-2, 1e-1, 1], column="feature_audio")))
