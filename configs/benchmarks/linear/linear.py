# The linear probe as AimCLR's authors publish it (Guo et al., 2022): SGD at rate 3 on raw frozen features, a tenth of
# it after epoch 80 of 100, no augmentation. They report the best test epoch; the number here is that of the last.
# Weights start at zero instead of at random.
protocol = dict(title="linear probe", metric="linear/last", best="linear/best", seeds=[0])
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(linear=dict(type="LinearProbe", epochs=100, batch_size=128, lr=3.0, milestones=[80])),
    collapse=False,
)
