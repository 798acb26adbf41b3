"""Learning rates that a config sets in one place and overwrites in another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_RATES = ("bias_lr_mult", "dcn_offset_lr_mult", "layer_decay_rate")  # keys of paramwise_cfg
_FACTOR = "WarmupCosineLR is a factor of each parameter's own rate"


def rate_problems(cfg: Mapping[str, Any]) -> list[str]:
    """Rates of optimizers without effect because a scheduler has its own, one line each."""
    problems = [
        problem for parts in _optimizers(cfg) for problem in [*_of_optimizer(*parts), *_of_loop(cfg, *parts[2:])]
    ]
    scale = cfg.get("auto_scale_lr")
    if isinstance(scale, dict) and scale.get("enable") and not _number(scale.get("base_batch_size")):
        text = "is missing; give the global batch size that optimizer.lr is meant for"
        problems.append(f"auto_scale_lr.base_batch_size: {text}")
    return problems


def _optimizers(cfg: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str, Any, str]]:
    """Wrapper and schedulers of each optimizer, with their places."""
    wrapper, schedulers = cfg.get("optim_wrapper"), cfg.get("param_scheduler")
    if not isinstance(wrapper, dict):
        return
    if "optimizer" in wrapper or "type" in wrapper:
        yield wrapper, "optim_wrapper", schedulers, "param_scheduler"
        return
    by_name = schedulers if isinstance(schedulers, dict) and "type" not in schedulers else None
    for name, one in wrapper.items():
        if isinstance(one, dict):
            own, path = (schedulers, "") if by_name is None else (by_name.get(name), f".{name}")
            yield one, f"optim_wrapper.{name}", own, f"param_scheduler{path}"


def _of_optimizer(wrapper: dict[str, Any], place: str, schedulers: Any, path: str) -> Iterator[str]:
    optimizer, paramwise = wrapper.get("optimizer"), wrapper.get("paramwise_cfg")
    lr = _number(optimizer.get("lr")) if isinstance(optimizer, dict) else None
    by_parameter = _differing(paramwise) if isinstance(paramwise, dict) else None
    for at, scheduler in _listed(schedulers, path):
        kind = str(scheduler.get("type"))
        if kind.endswith("Momentum"):
            continue
        peak, floor = scheduler.get("eta_max"), _number(scheduler.get("eta_min")) or 0.0
        if _number(peak) is not None and lr is not None and peak != lr:
            text = f"is {peak}, which {kind} sets in place of {place}.optimizer.lr={lr}"
            yield f"{at}.eta_max: {text}; {_FACTOR}, or give both the same value"
        elif peak is not None and by_parameter:
            text = f"{kind} sets it for all parameters, so {place}.paramwise_cfg.{by_parameter} has no effect"
            yield f"{at}.eta_max: {text}; {_FACTOR}"
        if floor > 0 and by_parameter:
            text = f"{kind} ends at this rate for all parameters, whatever {place}.paramwise_cfg.{by_parameter} says"
            yield f"{at}.eta_min: {text}; use CosineAnnealingLR with eta_min_ratio, a factor"
        elif lr is not None and 0 < lr < floor:
            yield f"{at}.eta_min: is {floor}, above {place}.optimizer.lr={lr}; use a lower value, or eta_min_ratio"


def _of_loop(cfg: Mapping[str, Any], schedulers: Any, path: str) -> Iterator[str]:
    """Schedules that begin after their end, or count epochs, of which training by iterations has one."""
    loop = cfg.get("train_cfg")
    if not isinstance(loop, dict):
        return
    by_iteration = "max_iters" in loop and not loop.get("by_epoch")
    for at, scheduler in _listed(schedulers, path):
        unit = "max_epochs" if scheduler.get("by_epoch", True) else "max_iters"
        begin, end = _number(scheduler.get("begin")), _number(scheduler.get("end", loop.get(unit)))
        if begin is not None and end is not None and begin >= end:
            text = "its end" if "end" in scheduler else f"train_cfg.{unit}"
            yield f"{at}.begin: is {begin}, must be below {text}, {end}"
        if by_iteration and scheduler.get("by_epoch", True) and not scheduler.get("convert_to_iter_based"):
            text = f"counts epochs, but train_cfg counts iterations, so that {scheduler.get('type')} would do nothing"
            yield f"{at}.by_epoch: {text}; set by_epoch=False, or convert_to_iter_based=True"


def _listed(schedulers: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The config of each scheduler, with its place."""
    listed = isinstance(schedulers, (list, tuple))
    for i, scheduler in enumerate(schedulers if listed else [schedulers]):
        if isinstance(scheduler, dict):
            yield f"{path}.{i}" if listed else path, scheduler


def _differing(paramwise: Mapping[str, Any]) -> str | None:
    """The first key that gives some parameters another rate."""
    custom = paramwise.get("custom_keys")
    for name, options in custom.items() if isinstance(custom, dict) else ():
        if isinstance(options, dict) and options.get("lr_mult", 1) != 1:
            return f"custom_keys[{name!r}].lr_mult"
    return next((key for key in _RATES if paramwise.get(key) not in (None, 1)), None)


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
