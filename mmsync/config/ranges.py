"""Ranges of numbers by the name of the argument, for every component of mmsync, MMEngine and torch."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, NamedTuple

from mmsync.config.fit import Keys
from mmsync.config.places import RUNNER_KEYS, registry_of


class Range(NamedTuple):
    """Numbers from ``low`` to ``high``, without an end that is ``open``."""

    low: float
    high: float = float("inf")
    open: str = ""  # "low", "high"

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, (int, float)):
            return False
        above = value > self.low if self.open == "low" else value >= self.low
        return above and (value < self.high if self.open == "high" else value <= self.high)

    def __str__(self) -> str:
        if self.high == float("inf"):
            return f"above {self.low:g}" if self.open == "low" else f"at least {self.low:g}"
        return (
            f"in {'(' if self.open == 'low' else '['}{self.low:g}, {self.high:g}{')' if self.open == 'high' else ']'}"
        )


_SIZES = (
    "batch_size base_batch_size max_epochs max_iters val_interval in_channels out_channels hidden_channels channels "
    "strides embed_dim depth num_heads mlp_ratio t_patch clip_len max_len num_classes num_persons num_tracks "
    "temporal_kernel queue_size epochs window length clips"
)
RANGES: dict[str, Range] = {
    **dict.fromkeys(_SIZES.split(), Range(1)),
    **dict.fromkeys(("num_workers", "lr", "weight_decay", "margin", "val_begin", "lr_mult", "decay_mult"), Range(0)),
    **dict.fromkeys(("temperature", "fps", "max_norm", "clip_value"), Range(0, open="low")),
    **dict.fromkeys(("momentum", "prob", "max_bad_share"), Range(0, 1)),
    **dict.fromkeys(("dropout", "drop_rate", "attn_drop_rate", "drop_path_rate", "betas"), Range(0, 1, open="high")),
    "label_smoothing": Range(0, 1, open="high"),
}
"""By name; a list's items are each in the range."""
_KNOWN = ("mmsync.", "mmengine.", "mmcv.", "torch.")


def range_problems(cfg: dict[str, Any]) -> list[str]:
    """Numbers out of their range, one line each; arguments of others' components may mean something else."""
    return list(_outside({key: value for key, value in cfg.items() if key in RUNNER_KEYS}, ()))


def _outside(value: Any, keys: Keys) -> Iterable[str]:
    if isinstance(value, dict) and _is_foreign(value, keys):
        return
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    for key, item in items:
        place = (*keys, str(key))
        wanted = RANGES.get(str(key)) if isinstance(value, dict) else None
        for number in item if isinstance(item, (list, tuple)) else (item,):
            if wanted is not None and isinstance(number, (int, float)) and number not in wanted:
                yield f"{'.'.join(place)}: is {item!r}, must be {wanted}"
                break
        yield from _outside(item, place)


def _is_foreign(cfg: dict[str, Any], keys: Keys) -> bool:
    kind = cfg.get("type")
    registry = registry_of(keys)
    target = registry.find(kind) if isinstance(kind, str) and registry is not None else kind
    return inspect.isclass(target) and not f"{target.__module__}.".startswith(_KNOWN)
