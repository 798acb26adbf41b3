# R3D-18 on the labels of UCF101, from scratch, or from --cfg-options load_from=CHECKPOINT: that of a pretraining, or a
# converted one (tools/model_converters/video_resnet_to_mmsync.py). fold=2 takes another fold. The schedule is ours.
_base_ = ["../_base_/datasets/ucf101.py", "../_base_/models/r3d18.py", "../_base_/schedules/adamw.py"]
max_epochs = 100
warmup = 10
model = dict(head=dict(num_classes=101))
default_hooks = dict(checkpoint=dict(save_best="accuracy/top1"))
