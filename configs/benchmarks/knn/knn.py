# Weighted nearest neighbors on pooled backbone features (before the projector), weights exp(cos / T). The bank is the
# training split, not augmented. Features are standardized by the bank; test_evaluator.probes.knn.standardize=False is the plain cosine.
protocol = dict(title="KNN, k=20, T=0.1, standardized features", metric="knn/top1")
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(knn=dict(type="KNN", k=[20, 10, 40, 1], temperature=0.1, standardize=True)),
    collapse=False,
)
