# Probes of a frozen R3D-18 on UCF101: tools/test.py THIS_CONFIG CHECKPOINT, that of any method, or a converted one.
# Each video, of training and test alike, gives three windows; linear/video averages the softmax over them.
_base_ = ["../_base_/datasets/ucf101.py", "../_base_/models/r3d18.py", "../_base_/schedules/adamw.py"]
max_epochs = 100
warmup = 10
model = dict(head=dict(num_classes=101))
default_hooks = dict(checkpoint=dict(save_best="accuracy/top1"))
test_dataloader = dict(dataset=dict(roles=dict(bank="train", query="test"), clips=3))
test_evaluator = dict(
    _delete_=True,
    type="FeatureMetric",
    probes=dict(
        knn=dict(type="KNN", k=[20, 1], standardize=True),
        linear=dict(
            type="LinearProbe", epochs=100, batch_size=128, lr=0.1, milestones=[80], weight_decay=1e-4, standardize=True)),
    per_video=True)
