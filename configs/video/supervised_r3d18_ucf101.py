# R3D-18 on the labels of UCF101, from scratch, or from --cfg-options load_from=CHECKPOINT: that of a pretraining, or a
# converted one (tools/model_converters/video_resnet_to_mmsync.py). fold=2 takes another fold. The schedule is ours.
_base_ = [
    "../_base_/datasets/ucf101.py",
    "../_base_/models/supervised_r3d18.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/default_runtime.py",
]
model = dict(head=dict(num_classes=101))
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=5e-2))
param_scheduler = dict(eta_max=1e-3)
default_hooks = dict(checkpoint=dict(save_best="accuracy/top1"))
