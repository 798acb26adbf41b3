"""State of a training beyond its weights: assembly for checkpoints, and restoring on resume."""

from __future__ import annotations

import random
import time
from typing import Any, Optional, Union

import mmengine
import numpy as np
import torch
from mmengine.runner.checkpoint import weights_to_cpu

from mmsync.config.inputs import input_record
from mmsync.config.text import config_text
from mmsync.engine.checkpoint import FORMAT
from mmsync.engine.folds import folds_of
from mmsync.version import __version__


def training_state(
    runner: Any, done: dict[str, Any], rng: list[dict[str, Any]], optimizer: bool, param_scheduler: bool
) -> dict[str, Any]:
    """Assemble a checkpoint in MMEngine's form, with ``rng``, the states of the random generators of each rank."""
    loader = runner.train_dataloader
    meta = {
        **done,
        "batches_seen": done["iter"] - done["epoch"] * len(loader),
        "global_batch": _global_batch(runner),
        "cfg": config_text(runner.cfg),
        "seed": runner.seed,
        "experiment_name": runner.experiment_name,
        "time": time.strftime("%Y%m%d_%H%M%S"),
        "mmengine_version": mmengine.__version__,
        "mmsync_version": __version__,
        "format": FORMAT,
        "input": input_record(runner.cfg),
        "folds": list(dict.fromkeys([*runner.trained_folds, *folds_of(loader.dataset)])),
    }
    if hasattr(loader.dataset, "metainfo"):
        meta["dataset_meta"] = loader.dataset.metainfo
    checkpoint = {"meta": meta, "state_dict": weights_to_cpu(runner.bare_model.state_dict()), "rng": rng}
    checkpoint["message_hub"] = runner.message_hub.state_dict()
    if optimizer:
        checkpoint["optimizer"] = runner.optim_wrapper.state_dict()
    if param_scheduler and runner.param_schedulers is not None:
        checkpoint["param_schedulers"] = _scheduler_states(runner.param_schedulers)
    return checkpoint


def _global_batch(runner: Any) -> int:
    return getattr(runner.train_dataloader.batch_sampler, "batch_size", 1) * runner.world_size


def resume_point(runner: Any, checkpoint: dict[str, Any]) -> tuple[int, Optional[dict[str, Any]]]:
    """Batches of the interrupted epoch already trained on, and this rank's random states, if known; warn of changes."""
    meta, rng = checkpoint["meta"], checkpoint.get("rng")
    seen, now = meta.get("batches_seen", 0), _global_batch(runner)
    before = meta.get("global_batch", now)
    if before != now:
        seen = seen * before // now
        text = f"the run had a global batch of {before}, now it is {now}"
        runner.logger.warning(f"{text}: the resumed run does not repeat the uninterrupted one")
    if rng is None or len(rng) != runner.world_size:
        text = f"the checkpoint has the random states of {len(rng or ())} processes, this run has {runner.world_size}"
        runner.logger.warning(f"{text}: the resumed run does not repeat the uninterrupted one bit for bit")
        return seen, None
    return seen, rng[runner.rank]


def load_scheduler_states(schedulers: Union[list, dict], states: Union[list, dict], logger: Any) -> None:
    """Load the states of schedulers (by the optimiser's name, if several); warn where the schedule's length differs."""
    if isinstance(schedulers, dict):
        for name, group in schedulers.items():
            load_scheduler_states(group, states[name], logger)
        return
    for scheduler, state in zip(schedulers, states):
        if getattr(scheduler, "end", None) != state.get("end"):
            ends = f"ends at {scheduler.end} in the config but at {state.get('end')} in the checkpoint"
            logger.warning(f"{type(scheduler).__name__} {ends}, whose schedule the run keeps")
        scheduler.load_state_dict(state)


def _scheduler_states(schedulers: Union[list, dict]) -> Union[list, dict]:
    if isinstance(schedulers, dict):
        return {name: _scheduler_states(group) for name, group in schedulers.items()}
    return [scheduler.state_dict() for scheduler in schedulers]


def get_rng_state() -> dict[str, Any]:
    """States of the generators of torch, CUDA, NumPy and Python."""
    state: Any = np.random.get_state()
    name, keys, position, has_gauss, gauss = state
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
        "numpy": [name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, gauss],
        "python": random.getstate(),
    }


def set_rng_state(state: dict[str, Any]) -> None:
    """Restore what :func:`get_rng_state` returned."""
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] and torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([s.cpu() for s in state["cuda"]])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.cpu().numpy().astype(np.uint32), *rest))
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
