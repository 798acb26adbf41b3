"""Schedules are factors of each group's own rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OneCycleLR
from toy_motion import toy_config

from mmsync.config import load
from mmsync.engine.runner import MotionRunner
from mmsync.engine.schedulers import WarmupCosineLR
from mmsync.errors import CheckpointError, ConfigError
from mmsync.registry import PARAM_SCHEDULERS


def optimizer_of(*rates):
    return torch.optim.SGD([dict(params=[torch.nn.Parameter(torch.zeros(1))], lr=rate) for rate in rates], lr=1.0)


def curve(schedulers, optimizer, steps):
    rates = []
    for _ in range(steps):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return np.array(rates)


@pytest.mark.parametrize(
    ("epochs", "length", "warmup"),
    [(300, 7, 20 / 300), (100, 11, 0.1), (20, 9, 0.1), (300, 3, 10 / 300), (2, 4, 0.1), (1, 3, 0.0)],
)
def test_the_curve_is_that_of_one_cycle_with_the_same_peak(epochs, length, warmup):
    """The shipped schedules, which used OneCycleLR, keep their learning rates."""
    steps, ours, theirs = epochs * length, optimizer_of(1.5e-3, 2e-4), optimizer_of(1.0)
    scheduler = WarmupCosineLR.build_iter_from_epoch(ours, warmup=warmup, end=epochs, epoch_length=length)
    old = OneCycleLR(theirs, eta_max=1.5e-3, pct_start=warmup, total_steps=steps, by_epoch=False)
    rates, expected = curve([scheduler], ours, steps), curve([old], theirs, steps)[:, 0]
    np.testing.assert_allclose(rates[:, 0], expected, rtol=1e-9, atol=0)
    np.testing.assert_allclose(rates[:, 1], expected * 2e-4 / 1.5e-3, rtol=1e-9, atol=0)


@pytest.mark.parametrize("name", ["aimclr/aimclr_stgcn_synthetic", "aimclr/aimclr_vit_ntu60_xsub", "simclr_view"])
def test_shipped_configs_peak_at_the_rate_of_the_optimiser(name):
    path = "configs/simclr_view/simclr_view_all_stgcn_ucla_xview" if name == "simclr_view" else f"configs/{name}"
    cfg = load(f"{path}.py", {"optim_wrapper.optimizer.lr": 0.125})
    optimizer = optimizer_of(cfg.optim_wrapper.optimizer.lr)
    options = dict(cfg.param_scheduler, end=cfg.train_cfg.max_epochs)
    scheduler = PARAM_SCHEDULERS.build(options, default_args=dict(optimizer=optimizer, epoch_length=8))
    assert curve([scheduler], optimizer, 8 * cfg.train_cfg.max_epochs).max() == pytest.approx(0.125, rel=2e-3)


SCHEDULES = sorted(Path("configs/_base_/schedules").glob("*.py")) + sorted(Path("configs/benchmarks").rglob("*.py"))
SCHEDULES += sorted(Path("projects").rglob("configs/*.py"))


@pytest.mark.parametrize("path", SCHEDULES, ids=str)
def test_every_shipped_schedule_is_a_factor_of_each_groups_rate(path):
    """Also those of protocols: finetuning has a rate for each layer."""
    cfg = load(path, complete=False)
    if cfg.get("param_scheduler") is None:
        pytest.skip("no schedule")
    both, alone = optimizer_of(0.3, 0.003), optimizer_of(0.3)
    steps = cfg.train_cfg.get("max_iters") or 2 * cfg.train_cfg.max_epochs
    curves = []
    for optimizer in (both, alone):
        listed = cfg.param_scheduler if isinstance(cfg.param_scheduler, list) else [cfg.param_scheduler]
        options = [{"end": cfg.train_cfg.get("max_epochs"), **one} for one in listed]
        built = [PARAM_SCHEDULERS.build(one, default_args=dict(optimizer=optimizer, epoch_length=2)) for one in options]
        curves.append(curve(built, optimizer, steps))
    rates = curves[0]
    np.testing.assert_allclose(rates[:, 0], rates[:, 1] * 100, rtol=1e-9)
    np.testing.assert_array_equal(rates[:, 0], curves[1][:, 0])
    assert 0.29 < rates.max() <= 0.3 * (1 + 1e-9)


def test_factors_multiply():
    """Two schedules give the product of their factors, also from a later beginning."""
    ours, alone = optimizer_of(0.1), optimizer_of(1.0)
    first = WarmupCosineLR(ours, warmup=0.3, end=20, by_epoch=False)
    second = PARAM_SCHEDULERS.build(dict(type="MultiStepLR", optimizer=ours, milestones=[8], gamma=0.5, by_epoch=False))
    factor = WarmupCosineLR(alone, warmup=0.3, end=20, by_epoch=False)
    product = curve([first, second], ours, 20)[:, 0]
    expected = 0.1 * curve([factor], alone, 20)[:, 0] * np.where(np.arange(20) < 8, 1, 0.5)
    np.testing.assert_allclose(product, expected, rtol=1e-12)


def test_it_begins_late_and_resumes_from_its_state():
    ours = optimizer_of(0.1)
    late = WarmupCosineLR(ours, warmup=0.2, begin=5, end=15, by_epoch=False)
    rates = curve([late], ours, 20)[:, 0]
    assert set(rates[:5]) == {0.1}
    np.testing.assert_allclose(rates[5:15], [0.1 * late.factor(i) for i in range(10)], rtol=1e-12)
    np.testing.assert_allclose(rates[15:], rates[14])
    again = optimizer_of(0.1)
    resumed = WarmupCosineLR(again, warmup=0.2, begin=5, end=15, by_epoch=False)
    reference = optimizer_of(0.1)
    whole = WarmupCosineLR(reference, warmup=0.2, begin=5, end=15, by_epoch=False)
    curve([whole], reference, 9)
    again.load_state_dict(reference.state_dict())
    resumed.load_state_dict(whole.state_dict())
    assert (curve([resumed], again, 8) == curve([whole], reference, 8)).all()


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 10])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.5])
def test_short_schedules_are_finite(steps, warmup):
    """OneCycleLR divides by zero at ten steps and a tenth of warm-up."""
    optimizer = optimizer_of(0.1)
    rates = curve([WarmupCosineLR(optimizer, warmup=warmup, end=steps, by_epoch=False)], optimizer, steps)
    assert np.isfinite(rates).all()
    assert (rates > 0).all()
    assert (rates <= 0.1 * (1 + 1e-12)).all()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (dict(warmup=20, end=300), "warmup=20 is a share of the steps"),
        (dict(start_factor=0, end=9), "start_factor=0 is a share of the optimizer's lr"),
        (dict(end_factor=2, end=9), "end_factor=2"),
        (dict(), "give the number of epochs"),
        (dict(begin=9, end=9, by_epoch=False), "end=9: give the number of iterations, above begin=9"),
    ],
)
def test_numbers_out_of_range_are_refused(wrong, says):
    with pytest.raises(ConfigError, match=says):
        WarmupCosineLR(optimizer_of(0.1), **wrong)


def run(folder, lr=0.05, **more):
    cfg = dict(val_cfg=None, val_dataloader=None, val_evaluator=None)
    scheduler = dict(type="WarmupCosineLR", warmup=0.4, by_epoch=True, convert_to_iter_based=True)
    wrapper = dict(optimizer=dict(type="SGD", lr=lr, momentum=0.9))
    more = {"param_scheduler": scheduler, "optim_wrapper": wrapper, **cfg, **more}
    runner = MotionRunner.from_cfg(Config(toy_config(folder, epochs=2, **more)))
    runner.train()
    return runner


def test_trainings_of_two_rates_differ(tmp_path):
    losses = [run(tmp_path / str(lr), lr).message_hub.get_scalar("train/loss").data[0] for lr in (0.05, 0.1)]
    assert losses[0][0] == losses[1][0]
    assert not np.allclose(losses[0][1:], losses[1][1:], rtol=1e-4)


def test_auto_scale_lr_scales_the_whole_curve(tmp_path):
    scale = dict(enable=True, base_batch_size=16)
    plain, scaled = (
        run(tmp_path / str(i), auto_scale_lr=value).message_hub.get_scalar("train/lr").data[0]
        for i, value in enumerate((None, scale))
    )
    np.testing.assert_allclose(scaled, plain * 8 / 16, rtol=1e-12)
    assert plain.max() == pytest.approx(0.05, rel=1e-9)


def test_lr_mult_and_another_optimiser_take_effect(tmp_path):
    optimizer = dict(type="AdamW", lr=0.01)
    wrapper = dict(optimizer=optimizer, paramwise_cfg=dict(bias_lr_mult=0.1))
    runner = run(tmp_path, optim_wrapper=wrapper)
    rates = sorted({group["lr"] for group in runner.optim_wrapper.param_groups})
    np.testing.assert_allclose(rates, [0.001 * 4e-6, 0.01 * 4e-6], rtol=1e-9)


def test_factors_of_the_optimisers_default_decay_take_effect(tmp_path):
    """AdamW decays by 0.01 if the config does not set it; MMEngine would leave the factor out."""
    wrapper = dict(optimizer=dict(type="AdamW", lr=0.01), paramwise_cfg=dict(bias_decay_mult=0.0))
    runner = run(tmp_path, optim_wrapper=wrapper)
    assert {group["weight_decay"] for group in runner.optim_wrapper.param_groups} == {0.0, 0.01}


def test_a_custom_key_that_names_no_parameter_is_refused(tmp_path):
    wrapper = dict(optimizer=dict(type="SGD", lr=0.01), paramwise_cfg=dict(custom_keys={"bakcbone": dict(lr_mult=0.1)}))
    with pytest.raises(
        ConfigError, match=r"custom_keys\['bakcbone'\]: is in no parameter's name; did you mean 'backbone'"
    ):
        run(tmp_path, optim_wrapper=wrapper)


def resume(folder, **more):
    run(folder, train_cfg=dict(by_epoch=True, max_epochs=1))
    return run(folder, resume=True, **more)


def test_a_resumed_run_says_which_settings_of_the_config_it_does_not_use(tmp_path):
    runner = resume(tmp_path, lr=0.2)
    text = (Path(runner.log_dir) / f"{runner.timestamp}.log").read_text()
    assert "optim_wrapper.optimizer.lr: the resumed run keeps 0.05; 0.2 of the config is not used" in text
    assert "WarmupCosineLR.end: the resumed run keeps 5; 10 of the config is not used" in text
    assert text.count("the resumed run keeps") == 3  # and total_steps


def test_a_run_of_one_cycle_is_resumed_on_the_same_curve(tmp_path):
    """Checkpoints from before the schedule became a factor."""
    old = dict(type="OneCycleLR", eta_max=0.05, pct_start=0.4, by_epoch=True, convert_to_iter_based=True, end=2)
    expected = run(tmp_path / "whole").message_hub.get_scalar("train/lr").data[0]
    run(tmp_path / "run", param_scheduler=old, train_cfg=dict(by_epoch=True, max_epochs=1))
    resumed = run(tmp_path / "run", resume=True)
    np.testing.assert_allclose(resumed.message_hub.get_scalar("train/lr").data[0], expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("scheduler", "says"),
    [
        ([], "the config has 0 schedulers"),
        (dict(type="MultiStepLR", milestones=[1], by_epoch=True), "counts other steps"),
    ],
)
def test_the_state_of_other_schedulers_is_refused(tmp_path, scheduler, says):
    with pytest.raises(CheckpointError, match=says):
        resume(tmp_path, param_scheduler=scheduler or None)


def test_the_state_of_another_optimiser_is_refused(tmp_path):
    wrapper = dict(
        optimizer=dict(type="SGD", lr=0.05),
        paramwise_cfg=dict(layer_decay_rate=1, custom_keys=dict(weight=dict(lr_mult=0.1))),
    )
    wrapper["paramwise_cfg"].pop("layer_decay_rate")
    with pytest.raises(CheckpointError, match="state of another optimizer"):
        resume(tmp_path, optim_wrapper=wrapper)


@pytest.mark.parametrize("kind", ["WarmupCosineLR", "CosineAnnealingLR"])
def test_a_schedule_by_epochs_spans_a_training_by_iterations(tmp_path, kind):
    """MMEngine would end it after the first pass over the data, and train the rest at the last rate."""
    schedule = dict(type=kind, by_epoch=True, convert_to_iter_based=True)
    loop = dict(by_epoch=False, max_iters=13)  # 5 iterations in a pass
    runner = run(tmp_path, param_scheduler=schedule, train_cfg=loop)
    rates = runner.message_hub.get_scalar("train/lr").data[0]
    optimizer = optimizer_of(0.05)
    expected = PARAM_SCHEDULERS.build(dict(type=kind, optimizer=optimizer, end=13, by_epoch=False))
    np.testing.assert_allclose(rates, curve([expected], optimizer, 13)[:, 0], rtol=1e-9)
