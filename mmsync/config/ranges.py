"""The ranges of numbers in configs, by the name of the argument: one name means one thing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Range:
    """The numbers from ``low`` to ``high``; as ``Annotated[float, Range(0, 1)]`` in a signature, the check knows it."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    also: tuple[float, ...] = ()  # numbers outside with a meaning of their own

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return (above and below) or value in self.also

    def __str__(self) -> str:
        if self.high == math.inf:
            text = f"above {self.low:g}" if self.open_low else f"at least {self.low:g}"
        else:
            text = f"in {'(' if self.open_low else '['}{self.low:g}, {self.high:g}{')' if self.open_high else ']'}"
        return " or ".join([text, *(f"{value:g}" for value in self.also)])


SHARE, COUNT, POSITIVE, AMOUNT = Range(0, 1), Range(1), Range(0, open_low=True), Range(0)

RANGES: list[tuple[str, Optional[bool], Range]] = [
    ("dropout|drop_path|.*_dropout|.*drop.*_rate", None, Range(0, 1, open_high=True)),
    ("(.*_)?prob|p|pct_start|.*share|label_smoothing|(.*_)?momentum|betas|test_crop", False, SHARE),
    ("ratio", False, SHARE),  # of a mask; a whole number divides a length
    ("mask_ratio", None, Range(0, 1, True, True)),
    ("hue", False, Range(0, 0.5)),
    ("confidence|drop_threshold", False, Range(0, 1, True, True)),
    ("interval|max_keep_ckpts", None, Range(1, also=(-1,))),
    ("num_workers|opencv_num_threads|num_batch_per_epoch|shift", None, AMOUNT),
    ("seed", None, Range(0, 2**32 - 1)),  # of NumPy
    (".*_epoch|begin|val_begin|save_begin|warmup_iters", None, AMOUNT),
    ("num_.*|depth|.*_channels|channels|strides?|.*_dim|.*_kernel|.*_patch|.*_len|.*_size|size|length", True, COUNT),
    ("epochs|max_epochs|max_iters|val_interval|window|frames|min_frames|clips|persons|fold", True, COUNT),
    ("k|topk|milestones|T_max|step_size|prefetch_factor|total_steps|end", True, COUNT),
    ("lr|weight_decay|eta_min|margin|mix|stages|(.*_)?weight|.*_mult|std|amplitude|max_degrees|distance", None, AMOUNT),
    ("brightness|contrast|saturation|motion_tau", None, AMOUNT),
    ("(.*_)?temperature|tau|(.*_)?eps|sigma|scale|fps|eta_max|width|unit|.*_ratio", None, POSITIVE),
    ("trust_coefficient|max_norm|clip_value|.*_factor|power|window_seconds", None, POSITIVE),
]
"""Pattern of the whole name, whether for whole numbers only (False: for others only, None: for both), and range.

The first that fits holds, for components of mmsync and of upstream. Third parties annotate an argument with its range:
``Annotated[float, Range(0, 1)]``.
"""
