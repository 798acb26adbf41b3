"""State of a training beyond its weights: assembly for checkpoints, and restoring on resume."""

from __future__ import annotations

import math
import random
import time
from typing import Any, Optional, Union

import mmengine
import numpy as np
import torch
from mmengine.optim import OptimWrapperDict
from mmengine.runner.checkpoint import weights_to_cpu

from mmsync.config.inputs import input_record
from mmsync.config.text import config_text
from mmsync.engine.checkpoint import FORMAT
from mmsync.engine.folds import folds_of
from mmsync.engine.optimizers import settings
from mmsync.errors import CheckpointError
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


def load_optimizer_state(wrapper: Any, state: dict[str, Any], source: str, logger: Any) -> None:
    """Load the state of a wrapper of one optimizer or several; warn of settings of the config that it replaces.

    Raises:
        CheckpointError: The state is that of other groups of parameters.
    """
    wrappers = dict(wrapper.items()) if isinstance(wrapper, OptimWrapperDict) else {"": wrapper}
    before = {name: settings(one.optimizer) for name, one in wrappers.items()}
    try:
        wrapper.load_state_dict(state)
    except (ValueError, KeyError, AssertionError) as error:
        advice = "resume with the optim_wrapper that it was trained with, or start anew with load_from"
        raise CheckpointError(f"{source} has the state of another optimizer ({error}): {advice}") from error
    for name, one in wrappers.items():
        place = f"optim_wrapper.{name}.optimizer" if name else "optim_wrapper.optimizer"
        pairs = [pair for groups in zip(before[name], settings(one.optimizer)) for pair in _changes(*groups)]
        for key, new, old in list(dict.fromkeys(pairs))[:5]:
            logger.warning(f"{place}.{key}: the resumed run keeps {old}; {new} of the config is not used")


def load_scheduler_states(schedulers: Union[list, dict], states: Any, source: str, logger: Any) -> None:
    """Load the states of schedulers (by the optimizer's name, if several); warn of settings that they replace.

    Raises:
        CheckpointError: The states are those of other schedulers.
    """
    if isinstance(schedulers, dict) and isinstance(states, dict):
        for name, group in schedulers.items():
            load_scheduler_states(group, states.get(name, []), source, logger)
        return
    if isinstance(schedulers, dict) or len(schedulers) != len(states or ()):
        text = f"the config has {len(schedulers)} schedulers, {source} has the states of {len(states or ())}"
        raise CheckpointError(f"param_scheduler: {text}; resume with the param_scheduler that it was trained with")
    for scheduler, state in zip(schedulers, states):
        name, own = type(scheduler).__name__, {k: v for k, v in vars(scheduler).items() if k != "optimizer"}
        if own.keys() != state.keys():
            if own.get("by_epoch") != state.get("by_epoch"):
                text = f"{name} counts other steps (by_epoch={own.get('by_epoch')}) than the schedule in {source}"
                raise CheckpointError(f"param_scheduler: {text}; resume with the one that it was trained with")
            logger.warning(
                f"{source} has another schedule: the rate goes on from where it was, by {name} of the config"
            )
            state = {key: state[key] for key in ("last_step", "_global_step", "_last_value")}
        for key, new, old in _changes({k: v for k, v in own.items() if k not in _MOVING}, state):
            logger.warning(f"{name}.{key}: the resumed run keeps {old}; {new} of the config is not used")
        scheduler.load_state_dict(state)


_MOVING = ("last_step", "_global_step", "_last_value", "base_values", "verbose")  # of schedulers


def _changes(new: dict[str, Any], old: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Settings that differ: name, new and old value, as text."""
    return [(key, repr(new[key]), repr(old[key])) for key in new if key in old and _differ(new[key], old[key])]


def _differ(new: Any, old: Any) -> bool:
    if isinstance(new, float) and isinstance(old, float):
        return not math.isclose(new, old, rel_tol=1e-9)
    return not callable(new) and bool(new != old)


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
