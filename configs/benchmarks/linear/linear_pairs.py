# The linear probe of pairs of tracks: SGD on standardized frozen features of both people side by side. Classes are
# uneven: read it beside the majority, the balanced accuracy and the recalls in results.json, and the confusion
# matrix.
protocol = dict(title="linear probe of pairs", metric="linear/last", best="linear/best", seeds=[0])
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(
        linear=dict(
            type="LinearProbe", epochs=100, batch_size=128, lr=0.1, milestones=[80], weight_decay=1e-4, standardize=True
        )
    ),
    collapse=False,
    per_class=True,
    per_video=True,
)
