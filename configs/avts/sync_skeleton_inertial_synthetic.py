# AVTS's loss on two streams that are neither pictures nor sound: skeletons at 25 frames a second and an accelerometer at
# the wrist at 100, of the built-in world.
#   python tools/dataset_converters/make_synthetic.py av data/synthetic_av
data_root = "data/synthetic_av"
streams = dict(
    skeleton=dict(folder="skeletons", rate=25, persons=True), inertial=dict(rate=100))
source = dict(
    type="StreamSource", data_root=data_root, streams=streams, splits=dict(train="train_", test="test_"),
    labels_file=data_root + "/scenes.json")
windows = dict(type="StreamDataset", source=source, duration=1.0)
train_dataloader = dict(
    num_workers=0, persistent_workers=False, batch_size=64,
    dataset=dict(windows, split="train", mix=dict(positive=1, easy=1), num_samples=3200))
val_dataloader = dict(
    num_workers=0, persistent_workers=False, batch_size=100, dataset=dict(
        windows, roles=dict(bank="train", query="test"), mix=dict(positive=2, easy=1, hard=1), num_samples=1000,
        test_mode=True))
test_dataloader = val_dataloader
val_evaluator = dict(
    type="FeatureMetric", probes=dict(pairs=dict(type="PairVerification"), knn=dict(type="KNN", k=5, standardize=True)))
test_evaluator = val_evaluator
projector = dict(type="MLPProjector", hidden_channels=128, out_channels=16, norm=True)
pools = dict(pool=dict(type="FramePool"), probe_pool=dict(type="MeanPool"))
model = dict(
    type="TwoStreamSync",
    first=dict(
        pools, type="Encoder", backbone=dict(type="STGCN", layout="ntu25", channels=[16, 32, 64], strides=[1, 2, 1], temporal_kernel=5),
        projector=projector),
    second=dict(
        pools, type="Encoder", backbone=dict(type="SignalCNN", widths=[32, 64, 64]),
        projector=projector),
    data_preprocessor=dict(
        type="ComposedPreprocessor",
        parts=dict(
            skeleton=dict(type="SkeletonPreprocessor", layout="ntu25", views=dict(first=[])),
            inertial=dict(type="SequencePreprocessor", views=dict(second=[])))))
stages = [(0, dict(positive=1, easy=1)), (5, dict(positive=2, easy=1, hard=1))]
custom_hooks = [dict(type="CurriculumHook", stages=stages)]
train_cfg = dict(by_epoch=True, max_epochs=20, val_interval=5)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="AdamW", lr=1e-3, weight_decay=1e-2))
param_scheduler = dict(type="CosineAnnealingLR", T_max=20, by_epoch=True, convert_to_iter_based=True)
default_hooks = dict(checkpoint=dict(interval=5, save_best="pairs/auc"))
