"""Settings of a run that contradict each other: its length, loaders and evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mmsync.config.fit import target_of
from mmsync.errors import did_you_mean, nearest
from mmsync.registry import DATASETS, MODELS


def run_problems(cfg: dict[str, Any]) -> list[str]:
    """Settings of a run that contradict each other, one line each."""
    return [
        *_loaders(cfg),
        *_kinds(cfg),
        *_batch(cfg),
        *_validation(cfg.get("train_cfg")),
        *_checkpoints(cfg),
        *_averaging(cfg),
    ]


def _loaders(cfg: dict[str, Any]) -> Iterable[str]:
    for purpose in ("val", "test"):
        key = f"{purpose}_dataloader"
        loader = cfg.get(key)
        if not isinstance(loader, dict):
            continue
        if loader.get("drop_last") is True:
            yield f"{key}.drop_last: leaves samples out of the evaluation; drop this key"
        dataset = loader.get("dataset")
        roles = dataset.get("roles") if isinstance(dataset, dict) else None
        if isinstance(roles, dict) and len(roles) > 1 and "bank" in roles and roles["bank"] == roles.get("query"):
            text = f"bank and query are both {roles['bank']!r}, so that each sample would find itself"
            yield f"{key}.dataset.roles: {text}; give the training split to the bank and the test split to the query"


def _kinds(cfg: dict[str, Any]) -> Iterable[str]:
    """Kinds of samples that a metric looks at and its data set does not have."""
    for purpose in ("val", "test"):
        loader, evaluator = cfg.get(f"{purpose}_dataloader"), cfg.get(f"{purpose}_evaluator")
        dataset = loader.get("dataset") if isinstance(loader, dict) else None
        target = target_of(dataset, DATASETS)
        known = [kind.name for kind in getattr(target, "kinds", ())]
        for metric in evaluator if isinstance(evaluator, (list, tuple)) else [evaluator]:
            asked = metric.get("kinds") if isinstance(metric, dict) and known else None
            for name in asked if isinstance(asked, (list, tuple)) else ():
                if name not in known:
                    hint = did_you_mean(nearest(str(name), known)) or f"; it has {', '.join(known)}"
                    yield f"{purpose}_evaluator.kinds: {target.__name__} has no samples of kind {name!r}{hint}"


def _batch(cfg: dict[str, Any]) -> Iterable[str]:
    model, loader = cfg.get("model"), cfg.get("train_dataloader")
    target = target_of(model, MODELS)
    least = getattr(target, "least_batch", 1)
    size = loader.get("batch_size") if isinstance(loader, dict) else None
    if isinstance(size, int) and 0 < size < least and cfg.get("launcher", "none") == "none":
        text = f"is {size}, but {target.__name__} compares the samples of a batch and needs at least {least}"
        yield f"train_dataloader.batch_size: {text}"


def _validation(loop: Any) -> Iterable[str]:
    if not isinstance(loop, dict):
        return
    unit = "epochs" if isinstance(loop.get("max_epochs"), int) else "iters"
    length, begin = loop.get(f"max_{unit}"), loop.get("val_begin")
    if isinstance(length, int) and isinstance(begin, int) and begin > length:
        yield f"train_cfg.val_begin: is {begin}, but the run has {length} {unit}, so that it never validates; lower it"


def _checkpoints(cfg: dict[str, Any]) -> Iterable[str]:
    hook = (cfg.get("default_hooks") or {}).get("checkpoint") if isinstance(cfg.get("default_hooks"), dict) else None
    loop = cfg.get("train_cfg")
    if not isinstance(hook, dict) or not isinstance(loop, dict) or hook.get("save_last", True):
        return
    unit = "epochs" if hook.get("by_epoch", True) else "iters"
    length, interval = loop.get(f"max_{unit}"), hook.get("interval")
    if isinstance(length, int) and isinstance(interval, int) and interval > length:
        text = f"is {interval}, but the run has {length} {unit} and save_last=False, so that nothing is saved"
        yield f"default_hooks.checkpoint.interval: {text}; lower it, or drop save_last"


def _averaging(cfg: dict[str, Any]) -> Iterable[str]:
    hooks, loop = cfg.get("custom_hooks"), cfg.get("train_cfg")
    for i, hook in enumerate(hooks if isinstance(hooks, (list, tuple)) else ()):
        if not isinstance(hook, dict) or hook.get("type") != "EMAHook" or not isinstance(loop, dict):
            continue
        for begin, length in (("begin_epoch", "max_epochs"), ("begin_iter", "max_iters")):
            start, end = hook.get(begin), loop.get(length)
            if isinstance(start, int) and isinstance(end, int) and start >= end:
                text = f"is {start}, but train_cfg.{length} is {end}, so that nothing is averaged; lower it"
                yield f"custom_hooks.{i}.{begin}: {text}"
