# Logistic regression on pooled backbone features: a linear probe without a learning rate. Its strength, and whether
# features are standardized, is chosen by cross-validation on the training clips, without a performer on both sides where
# the data name performers.
protocol = dict(title="logistic regression, C chosen on the training clips", metric="logistic/top1")
test_evaluator = dict(type="FeatureMetric", probes=dict(logistic=dict(type="LogisticProbe")), collapse=False)
