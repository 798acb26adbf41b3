# The linear probe of pairs as the Sync3D report trains it: SGD at 1e-3 with weight decay 1e-5 on raw frozen features of
# both people; its momentum, batch and length are not printed. With a converted checkpoint of Kinetics, which
# --config configs/sync3d/sync3d_i3d_tvhid.py takes for an encoder, this is its own row of I3D (Table II).
protocol = dict(title="linear probe of pairs, the Sync3D report's", metric="linear/last", best="linear/best", seeds=[0])
linear = dict(type="LinearProbe", epochs=800, batch_size=8, lr=1e-3, milestones=[], weight_decay=1e-5)
test_evaluator = dict(
    type="FeatureMetric", probes=dict(linear=linear), collapse=False, per_class=True, per_video=True)
