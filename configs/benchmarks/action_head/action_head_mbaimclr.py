# The action head as MBAimCLR's report trains it: in eval mode, so with dropout off and batch normalization at mean 0
# and variance 1; SGD at 1e-3, a tenth of it after epoch 80 of 100, batch 8. Its report calls this a linear evaluation.
# Weights have PyTorch's initialization.
protocol = dict(title="MLP probe (action head) in eval mode", metric="mlp/last", best="mlp/best", seeds=[0])
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(
        mlp=dict(
            type="MLPProbe",
            hidden=2048,
            epochs=100,
            batch_size=8,
            optimizer="sgd",
            lr=1e-3,
            weight_decay=0.0,
            milestone=80,
            eval_mode=True,
        )
    ),
    collapse=False,
)
