"""Mistakes in learning rates, schedules, optimizers and losses."""

from __future__ import annotations

from tests.mistakes import Mistake, option, own

ONE_CYCLE = "param_scheduler = dict(type='OneCycleLR', eta_max=0.01, by_epoch=True)\n"
LR = "optim_wrapper.optimizer.lr"
LONGER = "_base_ = '{config}'\ntrain_cfg = dict(max_epochs=2)\n"

CASES = [
    own(
        "rate_overwritten_by_one_cycle",
        f"{ONE_CYCLE}optim_wrapper = dict(optimizer=dict(lr=0.1))",
        r"param_scheduler\.eta_max: is 0\.01, which OneCycleLR sets in place of optim_wrapper\.optimizer\.lr=0\.1; "
        r"WarmupCosineLR is a factor",
    ),
    own(
        "lr_mult_under_one_cycle",
        f"{ONE_CYCLE}optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))))",
        r"custom_keys\['backbone'\]\.lr_mult has no effect; WarmupCosineLR is a factor",
    ),
    own(
        "layer_decay_under_one_cycle",
        f"{ONE_CYCLE}optim_wrapper = dict(constructor='LearningRateDecayOptimWrapperConstructor', "
        "paramwise_cfg=dict(layer_decay_rate=0.8))",
        r"paramwise_cfg\.layer_decay_rate has no effect",
    ),
    own(
        "floor_for_all_layers",
        "param_scheduler = [dict(type='CosineAnnealingLR', eta_min=1e-5)]\n"
        "optim_wrapper = dict(paramwise_cfg=dict(bias_lr_mult=2.0))",
        r"param_scheduler\.0\.eta_min: .*bias_lr_mult says; use CosineAnnealingLR with eta_min_ratio",
    ),
    own(
        "floor_above_the_rate",
        "param_scheduler = dict(type='CosineAnnealingLR', eta_min=0.5)",
        r"eta_min: is 0\.5, above optim_wrapper\.optimizer\.lr=0\.01",
    ),
    own("scaling_without_a_batch", "auto_scale_lr = dict(enable=True)", r"auto_scale_lr\.base_batch_size: is missing"),
    own(
        "custom_key_misspelt",
        "optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(bakcbone=dict(lr_mult=0.1))))",
        r"custom_keys\['bakcbone'\]: is in no parameter's name; did you mean 'backbone'",
    ),
    own(
        "schedule_by_epoch_of_a_training_by_iterations",
        "param_scheduler = dict(type='MultiStepLR', milestones=[5])\n"
        "train_cfg = dict(_delete_=True, by_epoch=False, max_iters=10)",
        r"param_scheduler\.by_epoch: counts epochs, but train_cfg counts iterations",
    ),
    own(
        "schedule_after_the_end",
        "param_scheduler = dict(type='WarmupCosineLR', begin=30)",
        r"param_scheduler\.begin: is 30, must be below train_cfg\.max_epochs, 1",
    ),
    own(
        "warmup_in_epochs",
        "param_scheduler = dict(type='WarmupCosineLR', warmup=20)",
        r"warmup=20 is a share of the steps",
    ),
    own(
        "warmup_from_zero",
        "param_scheduler = dict(type='WarmupCosineLR', start_factor=0)",
        r"start_factor=0 is a share of the optimizer's lr; give more than 0",
    ),
    option(
        "rate_beside_the_optimizer",
        "optim_wrapper.lr=0.1",
        r"optim_wrapper\.lr: .*did you mean 'optim_wrapper\.optimizer\.lr'",
    ),
    option(
        "learning_rate_for_lr",
        "optim_wrapper.optimizer.learning_rate=0.1",
        r"takes no 'learning_rate'; did you mean 'lr'",
    ),
    option("tau_for_temperature", "model.tau=0.1", r"model\.tau: .*did you mean 'temperature'"),
    option(
        "temperature_of_the_loss",
        "model.temperature=0.1",
        r"model\.temperature: SimCLR takes no 'temperature'; did you mean 'model\.loss\.temperature'",
        config="configs/simclr/simclr_r3d18_ucf101.py",
    ),
    Mistake(
        "lars_of_no_variant",
        code="import torch\nfrom mmsync.engine.optimizers import LARS\nLARS([torch.ones(1)], variant='moco')",
        says=r"variant='moco'; use 'paper' or 'mocov3'",
    ),
    Mistake(
        "cosine_distance_above_two",
        code="from mmsync.models.losses import PairBCELoss\nPairBCELoss(threshold=2.5)",
        says=r"threshold=2\.5 must be in \(0, 2\)",
    ),
    Mistake(
        "resumed_at_another_rate",
        [
            "tools/train.py",
            "{config}",
            "--work-dir",
            "run",
            "--resume",
            "{checkpoint}",
            "--cfg-options",
            f"{LR}=0.5",
            "train_cfg.max_epochs=2",
        ],
        says=r"optim_wrapper\.optimizer\.lr: the resumed run keeps 0\.01; 0\.5 of the config is not used",
        warned=True,
    ),
    Mistake(
        "resumed_with_another_optimizer",
        ["tools/train.py", "own.py", "--work-dir", "run", "--resume", "{checkpoint}"],
        says=r"has the state of another optimizer",
        files={"own.py": f"{LONGER}optim_wrapper = dict(paramwise_cfg=dict(bias_lr_mult=2.0))"},
    ),
    Mistake(
        "resumed_with_a_schedule",
        ["tools/train.py", "own.py", "--work-dir", "run", "--resume", "{checkpoint}"],
        says=r"param_scheduler: the config has 1 schedulers, .* has the states of 0",
        files={"own.py": f"{LONGER}param_scheduler = dict(type='WarmupCosineLR')"},
    ),
]
