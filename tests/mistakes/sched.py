"""Mistakes in learning rates, schedules, optimisers and losses."""

from __future__ import annotations

from tests.mistakes import Mistake


def train(name: str, says: str, *options: str, config: str = "{config}") -> Mistake:
    """Training with options of the command line."""
    return Mistake(name, ["tools/train.py", config, "--cfg-options", *options], says=says)


def child(name: str, says: str, text: str) -> Mistake:
    """Training with a config that inherits the small one."""
    return Mistake(name, ["tools/train.py", "own.py"], says=says, files={"own.py": f"_base_ = '{{config}}'\n{text}"})


ONE_CYCLE = "param_scheduler = dict(type='OneCycleLR', eta_max=0.01, by_epoch=True)\n"
LR = "optim_wrapper.optimizer.lr"
LONGER = "_base_ = '{config}'\ntrain_cfg = dict(max_epochs=2)\n"

CASES = [
    child(
        "rate_overwritten_by_one_cycle",
        r"param_scheduler\.eta_max: is 0\.01, which OneCycleLR sets in place of optim_wrapper\.optimizer\.lr=0\.1; "
        r"WarmupCosineLR is a factor",
        f"{ONE_CYCLE}optim_wrapper = dict(optimizer=dict(lr=0.1))",
    ),
    child(
        "lr_mult_under_one_cycle",
        r"custom_keys\['backbone'\]\.lr_mult has no effect; WarmupCosineLR is a factor",
        f"{ONE_CYCLE}optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))))",
    ),
    child(
        "layer_decay_under_one_cycle",
        r"paramwise_cfg\.layer_decay_rate has no effect",
        f"{ONE_CYCLE}optim_wrapper = dict(constructor='LearningRateDecayOptimWrapperConstructor', "
        "paramwise_cfg=dict(layer_decay_rate=0.8))",
    ),
    child(
        "floor_for_all_layers",
        r"param_scheduler\.0\.eta_min: .*bias_lr_mult says; use CosineAnnealingLR with eta_min_ratio",
        "param_scheduler = [dict(type='CosineAnnealingLR', eta_min=1e-5)]\n"
        "optim_wrapper = dict(paramwise_cfg=dict(bias_lr_mult=2.0))",
    ),
    child(
        "floor_above_the_rate",
        r"eta_min: is 0\.5, above optim_wrapper\.optimizer\.lr=0\.01",
        "param_scheduler = dict(type='CosineAnnealingLR', eta_min=0.5)",
    ),
    child(
        "scaling_without_a_batch",
        r"auto_scale_lr\.base_batch_size: is missing",
        "auto_scale_lr = dict(enable=True)",
    ),
    child(
        "custom_key_misspelt",
        r"custom_keys\['bakcbone'\]: is in no parameter's name; did you mean 'backbone'",
        "optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(bakcbone=dict(lr_mult=0.1))))",
    ),
    child(
        "schedule_by_epoch_of_a_training_by_iterations",
        r"param_scheduler\.by_epoch: counts epochs, but train_cfg counts iterations",
        "param_scheduler = dict(type='MultiStepLR', milestones=[5])\n"
        "train_cfg = dict(_delete_=True, by_epoch=False, max_iters=10)",
    ),
    child(
        "schedule_after_the_end",
        r"param_scheduler\.begin: is 30, must be below train_cfg\.max_epochs, 1",
        "param_scheduler = dict(type='WarmupCosineLR', begin=30)",
    ),
    child(
        "warmup_in_epochs",
        r"warmup=20 is a share of the steps",
        "param_scheduler = dict(type='WarmupCosineLR', warmup=20)",
    ),
    child(
        "warmup_from_zero",
        r"start_factor=0 is a share of the optimizer's lr; give more than 0",
        "param_scheduler = dict(type='WarmupCosineLR', start_factor=0)",
    ),
    train(
        "rate_beside_the_optimizer",
        r"optim_wrapper\.lr: .*did you mean 'optim_wrapper\.optimizer\.lr'",
        "optim_wrapper.lr=0.1",
    ),
    train(
        "learning_rate_for_lr",
        r"takes no 'learning_rate'; did you mean 'lr'",
        "optim_wrapper.optimizer.learning_rate=0.1",
    ),
    train("tau_for_temperature", r"model\.tau: .*did you mean 'temperature'", "model.tau=0.1"),
    train(
        "temperature_of_the_loss",
        r"model\.temperature: SimCLR takes no 'temperature'; did you mean 'model\.loss\.temperature'",
        "model.temperature=0.1",
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
