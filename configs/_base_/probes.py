# What is asked of the features, during training and at the end. The encoder is frozen by construction: a probe sees
# features, not the encoder. bank = training clips, query = test clips, neither augmented.
# KNN compares standardised features; probes.knn.standardize=False gives the plain cosine of older tables.
# LinearProbe's defaults are AimCLR's published protocol: SGD at rate 3 on raw features, a tenth of it after epoch 80 of 100.

val_evaluator = dict(type="FeatureMetric", probes=dict(knn=dict(type="KNN", k=20, temperature=0.1, standardize=True)))
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(
        knn=dict(type="KNN", k=[20, 10, 1], temperature=0.1, standardize=True),
        linear=dict(type="LinearProbe", epochs=100, batch_size=128, lr=3.0, milestones=[80]),
    ),
)
