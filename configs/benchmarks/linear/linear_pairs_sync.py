# The linear probe of pairs in sync alone, for data whose other pairs have no class of their own (SBU, NTU).
protocol = dict(title="linear probe of pairs in sync", metric="linear/last", best="linear/best", seeds=[0])
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(
        linear=dict(
            type="LinearProbe", epochs=100, batch_size=128, lr=0.1, milestones=[80], weight_decay=1e-4, standardize=True
        )
    ),
    collapse=False,
    kinds=["positive"],
    per_class=True,
    per_video=True,
)
