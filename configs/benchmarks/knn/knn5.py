# Five nearest neighbors on pooled backbone features, for small sets, whose classes have few training clips; fewer where
# the usual class has fewer. Weights exp(cos / T).
protocol = dict(title="KNN, k=5, T=0.1, standardised features", metric="knn/top1")
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(knn=dict(type="KNN", k=5, temperature=0.1, standardize=True, cap=True)),
    collapse=False,
)
