"""What every run has unless its config says otherwise; a resolved config holds all of it."""

from __future__ import annotations

import copy
from typing import Any

LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")

DEFAULTS: dict[str, Any] = {
    "default_scope": "mmsync",
    "runner_type": "MotionRunner",
    "default_hooks": {
        "runtime_info": {"type": "RuntimeInfoHook"},
        "timer": {"type": "IterTimerHook"},
        "sampler_seed": {"type": "DistSamplerSeedHook"},
        "logger": {"type": "LoggerHook", "interval": 20},  # lines of the log file; the console has the progress bar
        "param_scheduler": {"type": "ParamSchedulerHook"},
        "checkpoint": {"type": "CheckpointHook", "interval": 10, "max_keep_ckpts": 3},
        "progress": {"type": "ProgressBarHook"},
        "collapse": {"type": "CollapseMonitorHook"},  # a contrastive loss does not show a collapse
        "summary": {"type": "RunSummaryHook"},
    },
    "env_cfg": {
        "cudnn_benchmark": False,
        "mp_cfg": {"mp_start_method": "fork", "opencv_num_threads": 0},
        "dist_cfg": {"backend": "nccl"},  # gloo is taken where there is no CUDA
    },
    "log_processor": {"type": "LogProcessor", "window_size": 20, "by_epoch": True},
    "log_level": "INFO",
    "randomness": {"seed": 0},  # the same seed gives the same run, for any number of data loading workers
    "load_from": None,
    "resume": False,
}
"""Values by top-level key. A config's dict is merged over the one here; a hook that is None is left out of the run."""


def loader_defaults(key: str) -> dict[str, Any]:
    """What a data loader has unless its config says otherwise; the collate function is that of its data set.

    Args:
        key: ``train_dataloader``, ``val_dataloader`` or ``test_dataloader``.
    """
    training = key == LOADERS[0]
    shared = {"num_workers": 0, "sampler": {"type": "EpochSampler", "shuffle": training}}
    return {**shared, "drop_last": True} if training else shared


def fill_defaults(cfg: dict[str, Any]) -> None:
    """Fill in what a config leaves out; what it says stays.

    Args:
        cfg: The values of a config, changed in place.
    """
    for key, default in DEFAULTS.items():
        _fill(cfg, key, default)
    for key in LOADERS:
        purpose = key.split("_")[0]
        if purpose != "train" and cfg.get(key) is not None and cfg.get(f"{purpose}_evaluator") is not None:
            cfg.setdefault(f"{purpose}_cfg", {})
        loader = cfg.get(key)
        if not isinstance(loader, dict):
            continue
        for name, default in loader_defaults(key).items():
            if not (name == "drop_last" and loader.get("batch_sampler") is not None):  # torch refuses both
                _fill(loader, name, default)


def _fill(owner: dict[str, Any], key: str, default: Any) -> None:
    """Fill in one key, of a dict every key below; a dict of another ``type`` is one's own, and stays as it is."""
    if key not in owner:
        owner[key] = copy.deepcopy(default)
    elif isinstance(owner[key], dict) and isinstance(default, dict):
        value = owner[key]
        if value.get("type", default.get("type")) == default.get("type"):
            owner[key] = {**copy.deepcopy(default), **value}
            for name in default:
                _fill(owner[key], name, default[name])
