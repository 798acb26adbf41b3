"""Defaults of every run; a config may override them, and a resolved config holds all of them."""

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


def fill_defaults(cfg: dict[str, Any]) -> None:
    """Fill in what a config leaves out, in place; what it says stays."""
    if isinstance(backend := cfg.get("vis_backends"), str):  # of an option, which cannot be a list of dicts
        cfg["vis_backends"] = [{"type": backend}]
    for key, default in DEFAULTS.items():
        _fill(cfg, key, default)
    for key in LOADERS:
        loader, purpose = cfg.get(key), key.split("_")[0]
        training = purpose == "train"
        if not training and loader is not None and cfg.get(f"{purpose}_evaluator") is not None:
            cfg.setdefault(f"{purpose}_cfg", {})
        if isinstance(loader, dict):
            _fill(loader, "num_workers", 0)
            _fill(loader, "sampler", {"type": "EpochSampler", "shuffle": training})
            if training and loader.get("batch_sampler") is None:  # torch refuses both
                _fill(loader, "drop_last", True)


def _fill(owner: dict[str, Any], key: str, default: Any) -> None:
    """Fill in one key, of a dict every key below; a dict of another ``type`` is one's own, and stays as it is."""
    value = owner.setdefault(key, copy.deepcopy(default))
    both = isinstance(value, dict) and isinstance(default, dict)
    if both and value.get("type", default.get("type")) == default.get("type"):
        owner[key] = {**copy.deepcopy(default), **value}
        for name in default:
            _fill(owner[key], name, default[name])
