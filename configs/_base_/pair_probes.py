# What is asked of pairs. Distances: are pairs in sync told from others? Features, of both tracks side by side: what do the
# two do? bank = training videos, query = test videos; thresholds and probes come from the bank, numbers from the queries.
val_evaluator = dict(
    type="FeatureMetric",
    probes=dict(pairs=dict(type="PairVerification"), knn=dict(type="KNN", k=5, standardize=True)),
)
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(
        pairs=dict(type="PairVerification"),
        knn=dict(type="KNN", k=[5, 1], standardize=True),
        linear=dict(type="LinearProbe", epochs=100, lr=0.1, milestones=[80], weight_decay=1e-4, standardize=True),
    ),
    per_class=True,
    per_video=True,
)
