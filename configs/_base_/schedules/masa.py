# Adam at 3e-3, halved every 50 epochs, for 150 epochs of `repeats` times all sequences, gradients clipped as CASA does.
max_epochs = 150
val_interval = 50
lr = 3e-3
weight_decay = 0
milestones = [50, 100]
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=val_interval)
optimizer = dict(type="Adam", lr=lr, weight_decay=weight_decay, fused=True)
optim_wrapper = dict(type="OptimWrapper", optimizer=optimizer, clip_grad=dict(max_norm=0.5))
param_scheduler = dict(type="MultiStepLR", milestones=milestones, gamma=0.5)
auto_scale_lr = dict(enable=False, base_batch_size=32)
probes = dict(
    phases=dict(type="PhaseClassification", protocol="casa", fractions=[1.0]),
    tau=dict(type="KendallTau"))
val_evaluator = dict(type="FeatureMetric", probes=probes)
test_evaluator = dict(
    type="FeatureMetric",
    probes=dict(
        phases=dict(type="PhaseClassification", protocol="casa"),
        progress=dict(type="PhaseProgress"),
        tau=dict(type="KendallTau"),
        frame_retrieval=dict(type="FrameRetrieval")))
