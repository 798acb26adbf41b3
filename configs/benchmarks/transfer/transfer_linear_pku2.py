# The linear probe on PKU-MMD II (cross-subject) of an encoder that was pretrained elsewhere.
protocol = dict(
    title="linear probe", metric="linear/last", best="linear/best", seeds=[0],
    dataset="../../_base_/datasets/pku.py")
linear = dict(type="LinearProbe", epochs=100, batch_size=128, lr=3.0, milestones=[80])
test_evaluator = dict(type="FeatureMetric", probes=dict(linear=linear), collapse=False)
