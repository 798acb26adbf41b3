"""Console output: bars or lines, a warning at a collapse, a summary that names existing files."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from toy_motion import ToyDenoiser, toy_config

from mmsync.engine.hooks import CollapseMonitorHook
from mmsync.engine.optimizers import AutocastOptimWrapper, describe
from mmsync.engine.runner import MotionRunner
from mmsync.errors import ConfigError, MMSyncError
from mmsync.visualization import draw_embedding, embed_2d


def train(config):
    runner = MotionRunner.from_cfg(Config(config))
    runner.train()
    return runner


def test_console_is_brief_and_the_log_file_complete(tmp_path, capsys):
    config = toy_config(tmp_path)
    config["default_hooks"] |= {
        "summary": {"type": "RunSummaryHook"},
        "progress": {"type": "ProgressBarHook", "bar": False},
    }
    config["default_hooks"]["checkpoint"] |= {"save_best": "knn/top1"}
    runner = train(config)
    console = capsys.readouterr().out
    assert "System environment" not in console
    assert "VERY_HIGH" not in console
    assert len(console.splitlines()) < 25
    assert len(re.findall(r"epoch \d/3  loss \d.*knn/top1 \d", console)) == 3
    log = Path(runner.log_dir, f"{runner.timestamp}.log").read_text()
    assert "System environment" in log
    assert "Protocol" in log
    block = console[console.index("training finished: 3 epochs, 15 iterations") :]
    for name in ("checkpoint", "best", "log", "embedding"):
        path = re.search(rf"^  {name} +(\S+)$", block, re.MULTILINE)[1]
        assert Path(path).is_file()
    assert re.search(r"knn/top1 +[\d.]+ % at the end, [\d.]+ % at best", block)


def test_a_training_by_iterations_is_counted_in_iterations(tmp_path, capsys):
    config = toy_config(tmp_path, train_cfg={"by_epoch": False, "max_iters": 6, "val_interval": 3})
    config["default_hooks"] |= {
        "checkpoint": {"type": "CheckpointHook", "interval": 3, "by_epoch": False},
        "summary": {"type": "RunSummaryHook", "method": "pca"},
        "progress": {"type": "ProgressBarHook", "bar": False},
    }
    train(config)
    console = capsys.readouterr().out
    found = re.findall(r"(iteration \d/6)  loss [\d.]+  knn/top1 [\d.]+  [a-z]", console)  # not the pace, a number
    assert found == ["iteration 3/6", "iteration 6/6"]
    assert "training finished: 6 iterations" in console
    assert re.search(r"at best \(iteration [36]\)", console)


@pytest.mark.parametrize(
    ("wrapper", "says"),
    [
        (dict(), "SGD, lr 0.05, 312 parameters, forward passes in float32"),
        (dict(type="AutocastOptimWrapper"), "SGD, lr 0.05, 312 parameters, forward passes in bfloat16 (autocast)"),
        (
            dict(paramwise_cfg=dict(bias_lr_mult=0.1)),
            "SGD, lr 0.005 to 0.05 by parameter, 312 parameters, forward passes in float32",
        ),
    ],
)
def test_the_log_begins_with_optimizer_rates_and_precision(tmp_path, capsys, wrapper, says):
    config = toy_config(tmp_path, epochs=1, val_cfg=None, val_dataloader=None, val_evaluator=None)
    config["default_hooks"]["summary"] = {"type": "RunSummaryHook"}
    config["optim_wrapper"] |= wrapper
    train(config)
    assert f"training: {says}" in capsys.readouterr().out


def test_3d_convolutions_on_the_cpu_are_not_said_to_run_in_bfloat16():
    model = torch.nn.Conv3d(1, 1, 1)
    wrapper = AutocastOptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    with wrapper.optim_context(model):
        assert model(torch.ones(1, 1, 1, 1, 1)).dtype == torch.float32
    assert "forward passes in float32 (3-D convolutions" in describe(wrapper, model)


def test_bar_shows_loss_and_knn(tmp_path, capfd):
    config = toy_config(tmp_path)
    config["default_hooks"]["progress"] = {"type": "ProgressBarHook", "bar": True, "interval": 1}
    train(config)
    bar = capfd.readouterr().err
    assert "15/15" in bar
    assert re.search(r"loss=\d+\.\d+, knn/top1=\d+", bar)
    assert "features" in bar


def test_lines_without_a_terminal_are_sparse(tmp_path, capsys):
    config = toy_config(tmp_path, val_cfg=None, val_dataloader=None, val_evaluator=None)
    config["default_hooks"]["progress"] = {"type": "ProgressBarHook", "bar": False, "seconds": 1e9}
    train(config)
    lines = re.findall(r"iteration (\d+)/15  loss [\d.]+  [\d.]+ it/s", capsys.readouterr().out)
    assert lines == ["15"]  # the last one always comes


def fake_runner(**more):
    warnings = []
    logger = SimpleNamespace(warning=warnings.append)
    return SimpleNamespace(logger=logger, epoch=3, iter=49, _train_loop=None, **more), warnings


def test_collapse_alarm():
    hook = CollapseMonitorHook(watch={"queue_std": 0.01})
    runner, warnings = fake_runner()
    hook.after_val_epoch(runner, {"collapse/std": 0.06, "collapse/effective_rank": 40.0})
    hook.after_train_iter(runner, 0, outputs={"loss": torch.tensor(1.0), "queue_std": torch.tensor(0.08)})
    assert warnings == []
    hook.after_val_epoch(runner, {"collapse/std": 0.001, "collapse/effective_rank": 1.1})
    assert "collapse/std 0.001 < 0.002, collapse/effective_rank 1.1 < 2" in warnings[0]
    hook.after_train_iter(runner, 0, outputs={"loss": torch.tensor(1.0), "queue_std": torch.tensor(0.002)})
    assert "queue_std 0.002 < 0.01" in warnings[1]
    assert hook.alarms == 2


def test_a_loss_with_its_graph_is_read_without_a_warning(recwarn):
    hook, (runner, _) = CollapseMonitorHook(watch={"queue_std": 0.01}), fake_runner()
    value = torch.ones((), requires_grad=True) * 2
    torch.set_warn_always(True)  # else torch warns once in a process
    try:
        hook.after_train_iter(runner, 0, outputs={"loss": value, "queue_std": value})
    finally:
        torch.set_warn_always(False)
    assert [str(w.message) for w in recwarn] == []


def test_nan_loss_and_unknown_value():
    runner, _ = fake_runner()
    with pytest.raises(MMSyncError, match="the loss is nan at iteration 50"):
        CollapseMonitorHook().after_train_iter(runner, 0, outputs={"loss": torch.tensor(float("nan"))})
    with pytest.raises(ConfigError, match="no 'queue_sdt'; it logs loss"):
        CollapseMonitorHook(watch={"queue_sdt": 1}).after_train_iter(runner, 0, outputs={"loss": torch.tensor(1.0)})


def test_collapsed_model_stops(tmp_path, monkeypatch):
    predict = ToyDenoiser.forward

    def collapsed(self, inputs, data_samples, mode):
        out = predict(self, inputs, data_samples, mode)
        if mode == "predict":
            for sample in out:
                sample.feature = torch.ones(16) + 1e-4 * torch.rand(16)
        return out

    monkeypatch.setattr(ToyDenoiser, "forward", collapsed)
    config = toy_config(tmp_path, custom_hooks=[{"type": "CollapseMonitorHook", "stop": True}])
    assert train(config).epoch == 1


def test_embedding_is_the_plane_of_largest_variance(tmp_path):
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    from sklearn.decomposition import PCA

    plane = PCA(2).fit_transform(torch.nn.functional.normalize(x.double(), dim=1).numpy())
    assert abs(abs(embed_2d(x)) - abs(plane)).max() < 1e-8
    draw_embedding(x, torch.arange(40) % 3 - 1, tmp_path / "e.png", ["a", "b"])
    assert (tmp_path / "e.png").stat().st_size > 5000
    with pytest.raises(ConfigError, match="'pca' or 'tsne'"):
        embed_2d(x, "umap")


def test_cpu_time_of_each_epoch_is_kept_also_over_a_resume(tmp_path):
    hooks = [dict(type="CPUTimeHook")]
    first = train(toy_config(tmp_path, epochs=2, custom_hooks=hooks)).message_hub.get_info("cpu_seconds")
    config = toy_config(tmp_path, epochs=3, custom_hooks=hooks, resume=True)
    found = train(config).message_hub.get_info("cpu_seconds")
    assert found[:2] == first
    assert [iterations for iterations, _ in found] == [5, 10, 15]
    assert 0 < found[0][1] < found[1][1] < found[2][1]
