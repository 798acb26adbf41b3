# I3D on Kinetics-400, tested as published (Carreira and Zisserman, 2017): all ten seconds at 25 pictures a second, the
# middle 224 x 224 of a shorter side of 256, values in [-1, 1], logits averaged over time. RGB from ImageNet has 71.1 %
# top-1 and 89.3 % top-5 by its authors:
#   python tools/model_converters/i3d_to_mmsync.py rgb_imagenet.pt i3d.pth
#   python tools/test.py configs/video/supervised_i3d_kinetics400.py i3d.pth
# Training, on windows of 64 pictures as theirs, has a schedule of ours.
_base_ = ["../_base_/datasets/kinetics400.py", "../_base_/models/r3d18.py", "../_base_/schedules/adamw.py"]
max_epochs = 100
warmup = 10
clips = dict(window=64, fps=25, size=256)
model = dict(
    encoder=dict(backbone=dict(_delete_=True, type="I3D"), pool=dict(window=2)),
    head=dict(num_classes=400),
    data_preprocessor=dict(size=224, test_crop=0.875))
train_dataloader = dict(batch_size=6)
val_dataloader = dict(batch_size=6)
test_dataloader = dict(batch_size=1, dataset=dict(window=250, clips=1))
default_hooks = dict(checkpoint=dict(save_best="accuracy/top1"))
