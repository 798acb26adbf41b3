# Action retrieval (ISC, CMD): the label of the one nearest training clip by the cosine of raw pooled backbone features.
protocol = dict(title="retrieval: cosine 1-NN, raw features", metric="knn/top1")
test_evaluator = dict(type="ProbeMetric", knn=dict(k=1, standardize=False), collapse=False)
