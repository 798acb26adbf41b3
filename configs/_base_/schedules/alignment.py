# Adam, its rate halved after each third of the epochs, gradients clipped as in CASA. Minutes on one core; published for
# MASA: max_epochs=150, a batch of 32 on Penn Action, 16 on H2O, 4 on IKEA ASM, repeats=50 as CASA lists each video.
max_epochs = 40
val_interval = 20
lr = 3e-3
weight_decay = 0
max_norm = 0.5
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=val_interval)
optimizer = dict(type="Adam", lr=lr, weight_decay=weight_decay, fused=True)
optim_wrapper = dict(type="OptimWrapper", optimizer=optimizer, clip_grad=dict(max_norm=max_norm))
param_scheduler = dict(type="MultiStepLR", milestones=[max(max_epochs // 3, 1), max(2 * max_epochs // 3, 2)], gamma=0.5)
auto_scale_lr = dict(enable=False, base_batch_size=32)
val_evaluator = dict(
    type="FeatureMetric",
    probes=dict(
        phases=dict(type="PhaseClassification", protocol="casa", fractions=[1.0]),
        tau=dict(type="KendallTau")))
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(
        phases=dict(type="PhaseClassification", protocol="casa"),
        progress=dict(type="PhaseProgress"),
        tau=dict(type="KendallTau"),
        frame_retrieval=dict(type="FrameRetrieval")))
custom_hooks = [dict(type="AlignmentVisHook")]  # alignment.png after each evaluation
