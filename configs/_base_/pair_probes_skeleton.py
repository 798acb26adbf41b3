# As pair_probes.py, for skeletons: the actions are those of people in sync; a shifted pair shows none.
val_evaluator = dict(
    type="FeatureMetric",
    probes=dict(pairs=dict(type="PairVerification"), knn=dict(type="KNN", k=5, standardize=True)),
    kinds=["positive"],
)
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(
        pairs=dict(type="PairVerification"),
        knn=dict(type="KNN", k=[5, 1], standardize=True),
        linear=dict(type="LinearProbe", epochs=100, lr=0.1, milestones=[80], weight_decay=1e-4, standardize=True),
    ),
    kinds=["positive"],
    per_class=True,
    per_video=True,
)
