# AVTS's loss on two streams that are neither pictures nor sound: skeletons at 25 frames a second and an accelerometer at
# the wrist at 100, of the built-in world.
#   python tools/dataset_converters/make_synthetic.py av data/synthetic_av
_base_ = ["../_base_/datasets/synthetic_streams.py", "../_base_/schedules/avts.py"]
max_epochs = 20
val_interval = 5
stages = [
    (0, dict(positive=1, easy=1)),
    (5, dict(positive=2, easy=1, hard=1))]
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
optim_wrapper = dict(optimizer=dict(_delete_=True, type="AdamW", lr=1e-3, weight_decay=1e-2))
param_scheduler = dict(_delete_=True, type="CosineAnnealingLR", T_max=20, by_epoch=True, convert_to_iter_based=True)
