# Finetuning of the whole encoder with a linear head: AdamW, layer decay, warm-up of 5 epochs under a cosine. Works for
# transformers and for the ST-GCN, where a layer is a block. The augmentation is MAMP's: crop and rotation.
model = dict(
    type="Classifier",
    head=dict(type="LinearHead", dropout=0.3),
    label_smoothing=0.1,
    data_preprocessor=dict(
        views=dict(
            clip=[
                dict(type="RandomCropResize", scale=(0.5, 1.0)),
                dict(type="RandomRotation", max_degrees=(17.2, 17.2, 17.2)),
            ]
        )
    ),
)
train_dataloader = dict(batch_size=48)
train_cfg = dict(by_epoch=True, max_epochs=100, val_interval=5)
optim_wrapper = dict(
    type="OptimWrapper",
    constructor="LearningRateDecayOptimWrapperConstructor",
    optimizer=dict(type="AdamW", lr=1e-3, weight_decay=0.05),
    paramwise_cfg=dict(layer_decay_rate=0.8, flat_decay_mult=0.0),
    clip_grad=dict(max_norm=5.0),
)
param_scheduler = [  # both are factors: their product is a cosine with a warm-up, whatever max_epochs is
    dict(type="LinearLR", start_factor=0.01, end=5, by_epoch=True, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=True, convert_to_iter_based=True),
]
val_evaluator = dict(type="Accuracy", topk=(1, 5))
default_hooks = dict(
    runtime_info=dict(type="RuntimeInfoHook"),
    timer=dict(type="IterTimerHook"),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    logger=dict(type="LoggerHook", interval=20),
    param_scheduler=dict(type="ParamSchedulerHook"),
    checkpoint=dict(type="CheckpointHook", interval=5, max_keep_ckpts=1),
    progress=dict(type="ProgressBarHook"),
)
