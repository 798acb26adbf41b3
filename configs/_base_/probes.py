# What is asked of the features, during training and at the end. The encoder is frozen by construction: a probe sees
# features, not the encoder. bank = training clips, query = test clips, neither augmented. Both probes standardise each
# feature over the bank; probes_published.py does not.

val_evaluator = dict(type="ProbeMetric", knn=dict(k=20, temperature=0.1, standardize=True), collapse=True)
test_evaluator = dict(
    type="ProbeMetric",
    knn=dict(k=[20, 10, 1], temperature=0.1, standardize=True),
    linear=dict(epochs=100, batch_size=128, lr=0.1, standardize=True),
    collapse=True,
)
