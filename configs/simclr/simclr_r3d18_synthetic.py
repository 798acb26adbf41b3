# SimCLR on two windows of one video (CVRL, Qian et al., 2021) of the built-in world, in minutes on two CPU cores.
#   python tools/dataset_converters/make_synthetic.py av data/synthetic_av
_base_ = ["../_base_/datasets/synthetic_videos.py", "../_base_/schedules/adamw.py"]
max_epochs = 30
warmup = 2
view = [
    dict(type="RandomWindow", frames=12),
    dict(type="VideoCropResize", scale=(0.5, 1.0)),
    dict(type="VideoFlip", prob=0.5),
    dict(type="ColorJitter", brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1, prob=0.8)]
model = dict(
    type="SimCLR",
    encoder=dict(
        type="Encoder",
        backbone=dict(type="VideoResNet", variant="r3d", width=0.125),
        projector=dict(type="MLPProjector", out_channels=64)),
    loss=dict(type="NTXentLoss", temperature=0.1),
    data_preprocessor=dict(type="VideoPreprocessor", views=dict(first=view, second=view), size=48, test_crop=0.875))
train_dataloader = dict(dataset=dict(window=25))  # two seconds, of which each view takes one
val_dataloader = dict(dataset=dict(window=12))
test_dataloader = dict(dataset=dict(window=12))
