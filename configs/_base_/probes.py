# What is asked of the features, during training and at the end. The encoder is frozen by construction: a probe sees
# features, not the encoder. bank = training clips, query = test clips, neither augmented.

val_evaluator = dict(type="ProbeMetric", knn=dict(k=[1, 20], temperature=0.1), collapse=True)
test_evaluator = dict(
    type="ProbeMetric",
    knn=dict(k=[1, 10, 20], temperature=0.1),
    linear=dict(epochs=100, batch_size=128),
    collapse=True,
)
