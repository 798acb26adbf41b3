# SimCLR on video: two windows of a clip, each with its own crop, flip, colors and blur, the same for all its frames
# (as CVRL, Qian et al., 2021). R3D-18 on UCF101 without labels; fold=2 takes another fold. The probabilities are
# SimCLR's, the strengths are for values in [-1, 1]; lengths and schedule are ours.
_base_ = ["../_base_/datasets/ucf101.py", "../_base_/schedules/adamw.py"]
max_epochs = 200
warmup = 10
weight_decay = 1e-4

view = [
    dict(type="RandomWindow", frames=16),
    dict(type="VideoCropResize", scale=(0.5, 1.0)),
    dict(type="VideoFlip", prob=0.5),
    dict(type="ColorJitter", brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1, prob=0.8),
    dict(type="Grayscale", prob=0.2),
    dict(type="VideoBlur", sigma=(0.1, 2.0), prob=0.5)]
model = dict(
    type="SimCLR",
    encoder=dict(
        type="Encoder",
        backbone=dict(type="VideoResNet", variant="r3d"),
        pool=dict(type="VideoPool"),
        projector=dict(type="MLPProjector", out_channels=128)),
    loss=dict(type="NTXentLoss", temperature=0.1),
    data_preprocessor=dict(type="VideoPreprocessor", views=dict(first=view, second=view), size=112, test_crop=0.875))
# Three seconds, of which each view takes one; probes see the middle second.
train_dataloader = dict(batch_size=64, dataset=dict(window=48))
val_dataloader = dict(dataset=dict(roles=dict(bank="train", query="test")))
test_dataloader = dict(dataset=dict(roles=dict(bank="train", query="test"), clips=3))
knn = dict(type="KNN", k=20, standardize=True)
val_evaluator = dict(_delete_=True, type="FeatureMetric", probes=dict(knn=knn))
test_evaluator = dict(
    _delete_=True, type="FeatureMetric", probes=dict(knn=knn, linear=dict(type="LinearProbe")), per_video=True)
sync_bn = "torch"
