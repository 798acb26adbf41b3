# One-shot on NTU RGB+D 120 (Liu et al., 2019): the published exemplars of 20 novel classes, cosine 1-NN on raw pooled
# features. Faithful only for an encoder that was pretrained on the 100 auxiliary classes (split oneshot_auxiliary).
protocol = dict(title="one-shot, NTU120's exemplars", metric="knn/top1")
test_dataloader = dict(dataset=dict(roles=dict(bank="oneshot_exemplar", query="oneshot_test")))
test_evaluator = dict(type="FeatureMetric", probes=dict(knn=dict(type="KNN", k=1, standardize=False)), collapse=False)
