# AimCLR's own protocols on raw features: a linear classifier by SGD at rate 3, a tenth of it after epoch 80 of 100; and
# cosine KNN. Use these beside published numbers; probes.py standardises the features first.

val_evaluator = dict(type="ProbeMetric", knn=dict(k=20, temperature=0.1), collapse=True)
test_evaluator = dict(
    type="ProbeMetric",
    knn=dict(k=[20, 10, 1], temperature=0.1),
    linear=dict(epochs=100, batch_size=128, lr=3.0, milestones=[80]),
    collapse=True,
)
