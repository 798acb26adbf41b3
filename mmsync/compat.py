"""Workarounds for versions of torch and mmengine, each with a test that fails as soon as upstream needs it no more."""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Optional

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, MessageHub, print_log
from mmengine.model import MMDistributedDataParallel, revert_sync_batchnorm
from torch import nn

from mmsync.errors import ConfigError, DependencyError

_HISTORY = "__mmengine_history__"
_ARRAY = "__numpy_array__"
_DROPPED = object()
_PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.Size, torch.dtype, torch.device)


def to_plain(value: Any, where: str = "checkpoint") -> Any:
    """Replace what ``torch.load(weights_only=True)`` refuses by marked plain values; drop callables and the unknown."""
    plain = _to_plain(value, where)
    return None if plain is _DROPPED else plain


def _to_plain(value: Any, where: str) -> Any:
    if isinstance(value, HistoryBuffer):
        log, count = value.data
        return {_HISTORY: [torch.from_numpy(log.copy()), torch.from_numpy(count.copy()), value.max_length]}
    if isinstance(value, np.generic):  # before float: np.float64 is a float
        return value.item()
    if isinstance(value, np.ndarray):
        numeric = value.dtype.kind in "bifc"
        content = torch.from_numpy(value.copy()) if numeric else _to_plain(value.tolist(), where)
        return {_ARRAY: content, "dtype": value.dtype.str}
    if isinstance(value, dict):
        pairs = ((key, _to_plain(item, f"{where}.{key}")) for key, item in value.items())
        return {key: item for key, item in pairs if item is not _DROPPED}
    if isinstance(value, (list, tuple, set, frozenset)) and not isinstance(value, torch.Size):
        items = [item for item in (_to_plain(item, f"{where}[]") for item in value) if item is not _DROPPED]
        return tuple(items) if isinstance(value, tuple) else items
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, torch.Tensor):
        return value.detach().cpu()
    if isinstance(value, _PLAIN):
        return value
    if not callable(value):
        text = f"{where} is a {type(value).__name__} and is not stored in the checkpoint"
        print_log(text, "current", logging.WARNING)
    return _DROPPED


def from_plain(value: Any) -> Any:
    """Restore the objects that :func:`to_plain` replaced."""
    if isinstance(value, dict):
        if _HISTORY in value:
            log, count, max_length = value[_HISTORY]
            return HistoryBuffer(log.cpu().numpy(), count.cpu().numpy(), max_length)
        if _ARRAY in value:
            content = value[_ARRAY]
            return content.cpu().numpy() if isinstance(content, torch.Tensor) else np.array(content, value["dtype"])
        return {key: from_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return type(value)(from_plain(item) for item in value)
    return value


def bound_history(hub: MessageHub, length: int) -> None:
    """Keep at most ``length`` values per logged scalar, because mmengine copies the history at every update."""
    for buffer in hub.log_scalars.values():
        buffer.max_length = length


_BACKEND_PACKAGES = {
    **{"TensorboardVisBackend": "tensorboard", "WandbVisBackend": "wandb", "MLflowVisBackend": "mlflow"},
    **{"ClearMLVisBackend": "clearml", "NeptuneVisBackend": "neptune", "DVCLiveVisBackend": "dvclive"},
    **{"AimVisBackend": "aim"},
}


def require_backend(type_: str) -> None:
    """Raise a DependencyError if a backend's package is missing, which mmengine imports only at the first value."""
    package = _BACKEND_PACKAGES.get(type_.split(".")[-1])
    if package is not None and importlib.util.find_spec(package) is None:
        raise DependencyError(f"vis_backends: {type_} needs {package}: python -m pip install {package}")


_LAUNCHER_ENV: dict[str, dict[str, str]] = {
    "pytorch": {"RANK": "RANK", "WORLD_SIZE": "WORLD_SIZE", "LOCAL_RANK": "LOCAL_RANK"},
    "slurm": {"RANK": "SLURM_PROCID", "WORLD_SIZE": "SLURM_NTASKS", "LOCAL_RANK": "SLURM_LOCALID"},
    "mpi": {
        "RANK": "OMPI_COMM_WORLD_RANK",
        "WORLD_SIZE": "OMPI_COMM_WORLD_SIZE",
        "LOCAL_RANK": "OMPI_COMM_WORLD_LOCAL_RANK",
    },
}


_STARTERS = {"pytorch": "mmsync launch or torchrun", "slurm": "tools/slurm_train.sh or srun", "mpi": "mpirun"}


def require_launched(launcher: str) -> None:
    """Raise a ConfigError unless the launcher started this process, and it has a GPU of its own if there are any."""
    if launcher not in _LAUNCHER_ENV:
        raise ConfigError(f"launcher: unknown launcher {launcher!r}; use one of none, {', '.join(_LAUNCHER_ENV)}")
    names = _LAUNCHER_ENV[launcher]
    if missing := [names[name] for name in ("RANK", "WORLD_SIZE") if names[name] not in os.environ]:
        text = f"{' and '.join(missing)}, which it sets, {'are' if missing[1:] else 'is'} missing"
        advice = f"start with {_STARTERS[launcher]}, or leave --launcher out for one process"
        raise ConfigError(f"--launcher {launcher}: {text}; {advice}")
    local, gpus = int(os.environ.get(names["LOCAL_RANK"]) or 0), torch.cuda.device_count()
    if torch.cuda.is_available() and local >= gpus:
        text = f"process {local + 1} of this machine has no GPU: it has {gpus} (CUDA_VISIBLE_DEVICES counts)"
        raise ConfigError(f"--launcher {launcher}: {text}; start {gpus} processes or fewer")


def init_cpu_group(launcher: str, timeout: Optional[float] = None) -> None:
    """Start a gloo process group from the environment variables of a launcher, because mmengine needs CUDA."""
    require_launched(launcher)
    env = os.environ
    for ours, theirs in _LAUNCHER_ENV[launcher].items():
        if theirs in env:
            env[ours] = env[theirs]
    if launcher == "slurm" and "MASTER_ADDR" not in env and "SLURM_NODELIST" in env:
        command = ["scontrol", "show", "hostname", env["SLURM_NODELIST"]]
        env["MASTER_ADDR"] = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[0]
    env.setdefault("MASTER_ADDR", "127.0.0.1")
    env.setdefault("MASTER_PORT", "29500")
    options: dict[str, Any] = {} if timeout is None else {"timeout": timedelta(seconds=timeout)}
    torch.distributed.init_process_group("gloo", **options)


def wrap_on_cpu(model: nn.Module, find_unused_parameters: bool = False) -> MMDistributedDataParallel:
    """Wrap a CPU model for several processes; SyncBatchNorm, which is CUDA only, becomes BatchNorm."""
    with no_wrapper_warning():
        options = dict(broadcast_buffers=False, find_unused_parameters=find_unused_parameters)
        return MMDistributedDataParallel(module=revert_sync_batchnorm(model), device_ids=None, **options)


@contextmanager
def no_wrapper_warning() -> Iterator[None]:
    """Silence the warning of torch >= 2.13 about ``broadcast_buffers``, which has no replacement yet."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
        yield


def autocast(module: nn.Module, dtype: torch.dtype) -> torch.autocast:
    """Autocast on the device of ``module``; not for CPU 3-D convolutions, whose gradients torch 2.13 gets wrong."""
    device = next((p.device.type for p in module.parameters()), "cpu")
    return torch.autocast(device, dtype=dtype, enabled=not has_cpu_conv3d(module))


def has_cpu_conv3d(module: nn.Module) -> bool:
    """Whether a module has 3-D convolutions and is on the CPU."""
    on_cpu = all(p.device.type == "cpu" for p in module.parameters())
    return on_cpu and any(isinstance(part, nn.Conv3d) for part in module.modules())
