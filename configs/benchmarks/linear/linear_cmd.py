# The linear probe of CMD (Mao et al., 2022): SGD at rate 0.1, a tenth of it after epochs 50 and 70 of 80, batch 64.
protocol = dict(title="linear probe, CMD's schedule", metric="linear/last", best="linear/best", seeds=[0])
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(linear=dict(type="LinearProbe", epochs=80, batch_size=64, lr=0.1, milestones=[50, 70])),
    collapse=False,
)
