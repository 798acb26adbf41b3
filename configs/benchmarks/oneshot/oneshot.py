# One-shot on any data set: one training clip of each class is the exemplar, test clips take the label of the one
# nearest by the cosine of raw pooled features; mean of ten draws of the exemplars.
protocol = dict(title="one-shot, mean of 10 draws of exemplars", metric="oneshot/top1")
test_evaluator = dict(type="FeatureMetric", probes=dict(oneshot=dict(type="OneShot", draws=10, seed=0)), collapse=False)
