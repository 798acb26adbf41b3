# MotionBERT's action head on frozen features: an MLP over the features of all joints, and so no linear probe. The
# schedule is ours.
protocol = dict(title="MLP probe (action head)", metric="mlp/last", best="mlp/best", seeds=[0])
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(
        mlp=dict(
            type="MLPProbe",
            hidden=2048,
            dropout=0.5,
            epochs=50,
            batch_size=128,
            optimizer="adamw",
            lr=1e-3,
            weight_decay=1e-2,
        )
    ),
    collapse=False,
)
