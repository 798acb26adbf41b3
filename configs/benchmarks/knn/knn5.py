# Five nearest neighbors on pooled backbone features, for small sets, whose classes have few training clips; fewer where
# the usual class has fewer. Weights exp(cos / T). Features are standardized where that suits the training clips.
protocol = dict(title="KNN, k=5, T=0.1", metric="knn/top1")
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(knn=dict(type="KNN", k=5, temperature=0.1, standardize=None)),
    collapse=False,
)
