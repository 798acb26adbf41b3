"""Each cure of ``mmsync.compat``: upstream alone still fails, and ours works.

A test that fails at its ``pytest.raises`` says that upstream has healed and the cure can go.
"""

from __future__ import annotations

import pickle
import tempfile
import warnings
from collections import OrderedDict

import numpy as np
import pytest
import torch
from mmengine.dist.utils import init_dist
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import AmpOptimWrapper
from torch import nn
from torch.torch_version import TorchVersion

from mmsync import compat
from mmsync.engine.optimizers import AutocastOptimWrapper
from mmsync.errors import ConfigError

no_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="the quirk is that of a machine without CUDA")


def reload(value):
    with tempfile.NamedTemporaryFile(suffix=".pth") as file:
        torch.save(value, file.name)
        return torch.load(file.name, weights_only=True)


@pytest.mark.parametrize(
    "value",
    [HistoryBuffer([1.0], [1]), np.float64(1.5), np.arange(3), print],
    ids=["history", "scalar", "array", "code"],
)
def test_torch_refuses_what_mmengine_stores(value):
    with pytest.raises(pickle.UnpicklingError):
        reload({"x": value})


def test_plain_values_load_safely_and_come_back():
    buffer = HistoryBuffer([0.1, 1 / 3], [1, 2], 10)
    value = OrderedDict(
        history=buffer,
        nested=[{"a": np.float32(0.5), "b": (1, "two", None)}, np.array([[1, 2]], dtype=np.int16)],
        words=np.array(["x", "y"]),
        code=print,
        weight=torch.ones(2),
    )
    back = compat.from_plain(reload(compat.to_plain(value)))
    assert "code" not in back
    assert back["nested"][0] == {"a": 0.5, "b": (1, "two", None)}
    assert back["nested"][1].dtype == np.int16
    assert back["words"].tolist() == ["x", "y"]
    for ours, theirs in zip(back["history"].data, buffer.data):
        np.testing.assert_array_equal(ours, theirs)
    back["history"].update(2.0)
    assert back["history"].current() == 2.0


def test_unknown_objects_are_left_out_with_a_word(capfd):
    class Thing:
        pass

    assert compat.to_plain({"a": 1, "b": Thing()}, "meta") == {"a": 1}


@no_cuda
def test_upstream_cannot_start_processes_without_cuda(monkeypatch):
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises((AttributeError, RuntimeError, AssertionError)):
        init_dist("pytorch", backend="gloo")


@no_cuda
def test_upstream_cannot_wrap_a_cpu_model(gloo):
    with pytest.raises(ValueError, match="device_ids"):
        MMDistributedDataParallel(nn.Linear(2, 2), device_ids=[0])
    wrapped = compat.wrap_on_cpu(nn.Sequential(nn.Linear(2, 2), nn.SyncBatchNorm(2)))
    wrapped(torch.rand(3, 2)).sum().backward()
    assert not wrapped.broadcast_buffers


@no_cuda
@pytest.mark.skipif(TorchVersion(torch.__version__) < (2, 13), reason="torch warns since 2.13")
def test_upstream_warns_of_an_argument_that_mmengine_gives(gloo):
    with pytest.warns(FutureWarning, match="`broadcast_buffers` is deprecated"):
        MMDistributedDataParallel(nn.Linear(2, 2), broadcast_buffers=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        compat.wrap_on_cpu(nn.Linear(2, 2))


@pytest.mark.parametrize(
    ("launcher", "names", "starter"),
    [
        ("pytorch", ("RANK", "WORLD_SIZE"), "mmsync launch"),
        ("slurm", ("SLURM_PROCID", "SLURM_NTASKS"), "slurm_train"),
        ("mpi", ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), "mpirun"),
    ],
)
def test_cpu_group_of_each_launcher(monkeypatch, launcher, names, starter):
    seen = {}
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda backend, **k: seen.update(backend=backend))
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK"):
        monkeypatch.setenv(name, "")  # so that monkeypatch restores them
        monkeypatch.delenv(name)
    with pytest.raises(ConfigError, match=starter):
        compat.init_cpu_group(launcher)
    for name, value in zip(names, "03"):
        monkeypatch.setenv(name, value)
    compat.init_cpu_group(launcher, timeout=60)
    assert seen == {"backend": "gloo"}


def test_unknown_launcher():
    with pytest.raises(ConfigError, match="pytorch, slurm, mpi"):
        compat.init_cpu_group("tourch")


@no_cuda
def test_upstream_mixed_precision_refuses_the_cpu():
    model = nn.Linear(2, 2)
    with pytest.raises(AssertionError):
        AmpOptimWrapper(optimizer=torch.optim.SGD(model.parameters(), lr=0.1))


def test_autocast_computes_in_bfloat16_and_keeps_float32_weights():
    model = nn.Linear(4, 4)
    wrapper = AutocastOptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    before = model.weight.clone()
    with wrapper.optim_context(model):
        out = model(torch.rand(2, 4))
    assert out.dtype == torch.bfloat16
    wrapper.update_params(out.float().square().sum())
    assert model.weight.dtype == torch.float32
    assert not torch.equal(before, model.weight)
    with pytest.raises(ConfigError, match="loss scaling"):
        AutocastOptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1), dtype="float16")


def test_3d_convolutions_on_the_cpu_stay_in_single_precision():
    """torch 2.13 leaves parts of their bfloat16 weight gradients uninitialized where the maps are small."""
    model = nn.Conv3d(32, 64, 3, padding=1)
    wrapper = AutocastOptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    with wrapper.optim_context(model):
        out = model(torch.rand(4, 32, 2, 1, 1))
    assert out.dtype == torch.float32


def test_upstream_history_grows_and_ours_is_bounded():
    hub = MessageHub("history-test")
    for i in range(30):
        hub.update_scalar("loss", float(i))
    assert len(hub.get_scalar("loss").data[0]) == 30  # copied whole at each update
    compat.bound_history(hub, 8)
    hub.update_scalar("loss", 30.0)
    assert hub.get_scalar("loss").data[0].tolist() == list(range(23, 31))


@pytest.fixture
def gloo(tmp_path):
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()
