# CMD as released (Mao et al., 2022) on NTU RGB+D 60, cross-subject; split=xview: cross-view. It crops clips of their own
# length to 64 frames or more; here they come in 128 frames.
_base_ = ["../_base_/datasets/ntu60.py", "../_base_/schedules/sgd.py"]
preparation = "agcn"
batch_size = 64
normal = [
    dict(type="RandomCropResize", scale=(0.1, 1.0), size=64, min_frames=64),
    dict(type="OneOf", transforms=[dict(type="Shear", amplitude=1.0), dict(type="JointCorruption", ratio=0.6)])]
model = dict(
    type="CMD",
    queue_size=16384, momentum=0.999, temperature=0.07,
    topk=8192, teacher_temperature=0.05, student_temperature=0.1,
    encoder=dict(
        type="Encoder",
        backbone=dict(
            type="BiGRU", hidden_channels=1024, num_layers=3, num_persons=2, directions="forward", last_step=True),
        pool=dict(type="SkeletonPool", persons="mean"),
        projector=dict(type="MLPProjector", out_channels=128)),
    data_preprocessor=dict(type="SkeletonPreprocessor", window=64, views=dict(query=normal, key=normal)))
train_cfg = dict(max_epochs=451)
optim_wrapper = dict(optimizer=dict(lr=0.01))
param_scheduler = dict(milestones=[351])
auto_scale_lr = dict(base_batch_size=64)
test_evaluator = dict(probes=dict(linear=dict(epochs=80, batch_size=64, lr=0.1, milestones=[50, 70])))
