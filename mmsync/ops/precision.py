"""Losses in single precision, whatever the autocast of the network."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def in_float32(function: Callable[..., Any]) -> Callable[..., Any]:
    """Run a function of tensors without autocast and in float32.

    Args:
        function: Its first positional argument is a tensor, whose device's autocast is disabled.

    Returns:
        Callable: The same function; tensors of half precision among its arguments are cast to float32, float64 ones
        stay, and so does everything that is no tensor.
    """

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast(args[0].device.type, enabled=False):
            return function(*(_up(x) for x in args), **{name: _up(x) for name, x in kwargs.items()})

    return wrapped


def _up(x: Any) -> Any:
    floats = isinstance(x, Tensor) and x.is_floating_point()
    return x.to(torch.promote_types(x.dtype, torch.float32)) if floats else x
