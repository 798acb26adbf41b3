# The linear probe of MAMP (Mao et al., 2023): batch normalization without weights in front of the classifier, SGD at
# rate 0.1 falling by a cosine. Its batch is 128 on each of two GPUs; its training clips are augmented, those here not.
protocol = dict(title="linear probe behind batch norm", metric="linear/last", best="linear/best", seeds=[0])
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(
        linear=dict(type="LinearProbe", epochs=100, batch_size=256, lr=0.1, schedule="cosine", batch_norm=True)
    ),
    collapse=False,
)
