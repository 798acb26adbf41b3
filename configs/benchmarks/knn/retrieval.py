# Action retrieval (ISC, CMD): the label of the one nearest training clip by the cosine of raw pooled backbone features.
# retrieval/map is the mean average precision.
protocol = dict(title="retrieval: cosine 1-NN, raw features", metric="retrieval/top1")
test_evaluator = dict(
    type="FeatureMetric", probes=dict(retrieval=dict(type="Retrieval", mean_average_precision=True)), collapse=False
)
