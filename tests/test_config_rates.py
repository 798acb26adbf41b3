"""Rates that a scheduler of its own would overwrite are refused."""

from __future__ import annotations

import re

import pytest

from mmsync.config import check, load
from mmsync.config.rates import rate_problems
from mmsync.errors import ConfigError

ONE_CYCLE = dict(type="OneCycleLR", eta_max=0.1, by_epoch=True)
COSINE = dict(type="CosineAnnealingLR", eta_min=1e-3, by_epoch=True)
MULT = dict(custom_keys={"backbone": dict(lr_mult=0.1)})


def problems(scheduler, lr=0.1, paramwise=None, **more):
    wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=lr))
    if paramwise is not None:
        wrapper["paramwise_cfg"] = paramwise
    return rate_problems(dict(optim_wrapper=wrapper, param_scheduler=scheduler, **more))


@pytest.mark.parametrize(
    ("scheduler", "lr", "paramwise", "says"),
    [
        (ONE_CYCLE, 0.2, None, r"param_scheduler\.eta_max: is 0\.1, which OneCycleLR sets in place of .*lr=0\.2"),
        ([ONE_CYCLE], 0.1, MULT, r"param_scheduler\.0\.eta_max: .*custom_keys\['backbone'\]\.lr_mult has no effect"),
        (ONE_CYCLE, 0.1, dict(layer_decay_rate=0.8), "layer_decay_rate has no effect; WarmupCosineLR is a factor"),
        (dict(ONE_CYCLE, eta_max=[0.1, 0.01]), 0.1, dict(bias_lr_mult=2), "bias_lr_mult has no effect"),
        (COSINE, 0.1, MULT, r"param_scheduler\.eta_min: .*eta_min_ratio"),
        (COSINE, 1e-4, None, r"eta_min: is 0\.001, above optim_wrapper\.optimizer\.lr=0\.0001"),
    ],
)
def test_rates_without_effect_are_refused(scheduler, lr, paramwise, says):
    (problem,) = problems(scheduler, lr, paramwise)
    assert re.search(says, problem), problem


@pytest.mark.parametrize(
    ("scheduler", "lr", "paramwise"),
    [
        (ONE_CYCLE, 0.1, None),
        (ONE_CYCLE, None, None),
        (ONE_CYCLE, 0.1, dict(norm_decay_mult=0.0, custom_keys={"backbone": dict(decay_mult=0.0)})),
        (dict(type="WarmupCosineLR"), 0.7, MULT),
        (dict(type="CosineAnnealingLR", eta_min_ratio=0.1), 0.1, MULT),
        (COSINE, 0.1, None),
        (None, 0.1, MULT),
    ],
)
def test_what_takes_effect_is_accepted(scheduler, lr, paramwise):
    assert problems(scheduler, lr, paramwise) == []


def test_optimisers_by_name_are_checked_with_their_own_schedules():
    wrapper = {name: dict(optimizer=dict(type="SGD", lr=0.1)) for name in ("one", "two")}
    schedules = dict(one=ONE_CYCLE, two=[dict(ONE_CYCLE, eta_max=0.3)])
    (problem,) = rate_problems(dict(optim_wrapper=dict(wrapper, constructor="X"), param_scheduler=schedules))
    assert problem.startswith("param_scheduler.two.0.eta_max: is 0.3")
    assert "optim_wrapper.two.optimizer.lr" in problem


def test_scaling_needs_the_batch_that_the_rate_is_meant_for():
    (problem,) = problems(None, auto_scale_lr=dict(enable=True))
    assert problem.startswith("auto_scale_lr.base_batch_size: is missing")


def test_a_whole_config_is_refused_with_one_message():
    cfg = load("configs/aimclr/aimclr_stgcn_synthetic.py", {"param_scheduler": ONE_CYCLE})
    with pytest.raises(ConfigError, match=r"param_scheduler\.eta_max: is 0\.1"):
        check(cfg)


def test_schedules_by_epoch_of_a_training_by_iterations_are_refused():
    loop = dict(max_iters=10)
    (problem,) = problems(dict(type="MultiStepLR", milestones=[5]), train_cfg=loop)
    assert problem.startswith("param_scheduler.by_epoch: counts epochs, but train_cfg counts iterations")
    assert problems(dict(type="MultiStepLR", milestones=[5], by_epoch=False), train_cfg=loop) == []
    assert problems(dict(type="WarmupCosineLR", convert_to_iter_based=True), train_cfg=loop) == []
    assert problems(dict(type="MultiStepLR", milestones=[5]), train_cfg=dict(max_epochs=10)) == []


def test_a_schedule_that_begins_after_its_end_is_refused():
    loop = dict(max_epochs=10)
    assert problems(dict(type="LinearLR", begin=10), train_cfg=loop) == [
        "param_scheduler.begin: is 10, must be below train_cfg.max_epochs, 10"
    ]
    assert problems([dict(type="LinearLR", begin=3, end=2)], train_cfg=loop) == [
        "param_scheduler.0.begin: is 3, must be below its end, 2"
    ]
    assert problems(dict(type="LinearLR", begin=100, by_epoch=False), train_cfg=loop) == []


@pytest.mark.parametrize(
    ("config", "option", "says"),
    [
        ("skeletonclr/skeletonclr_stgcn_synthetic", "model.tau", "did you mean 'temperature'"),
        ("skeletonclr/skeletonclr_stgcn_synthetic", "model.T", "did you mean 'temperature'"),
        ("simclr/simclr_r3d18_ucf101", "model.temperature", "did you mean 'model.loss.temperature'"),
        ("simclr/simclr_r3d18_ucf101", "model.tau", "did you mean 'model.loss.temperature'"),
        ("simclr/simclr_r3d18_ucf101", "model.loss.tau", "did you mean 'temperature'"),
        ("aimclr/aimclr_stgcn_synthetic", "optim_wrapper.lr", "did you mean 'optim_wrapper.optimizer.lr'"),
        ("aimclr/aimclr_stgcn_synthetic", "optim_wrapper.optimizer.learning_rate", "did you mean 'lr'"),
    ],
)
def test_other_names_and_places_of_an_argument_lead_to_the_one_it_has(config, option, says):
    with pytest.raises(ConfigError, match=says):
        check(load(f"configs/{config}.py", {option: 0.2}))
