"""From samples to a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional, Union

import numpy as np
import torch
from torch import Tensor

from mmsync.errors import DataError
from mmsync.registry import FUNCTIONS
from mmsync.structures import View


@FUNCTIONS.register_module()
def motion_collate(samples: Union[dict, Sequence[dict]]) -> dict:
    """Stack samples to a batch; a finished batch, as ``KeyedDataset.__getitems__`` makes it, is returned as it is.

    Args:
        samples: ``dict(inputs, data_samples)`` each. An input is a :class:`View` of one sample, or the first fields of
            one as a tuple, of tensors or arrays; ``data`` may be a list of its rows (persons, tracks, frames).

    Returns:
        ``dict(inputs=dict[str, View], data_samples=[...])``; absent persons, tracks or frames are zero and not valid.

    Raises:
        DataError: The rows of an input have different shapes.
    """
    if isinstance(samples, dict):
        return samples
    inputs = {name: _view(name, [sample["inputs"][name] for sample in samples]) for name in samples[0]["inputs"]}
    return {"inputs": inputs, "data_samples": [sample["data_samples"] for sample in samples]}


def _view(name: str, samples: Sequence[tuple]) -> View:
    data, *others = zip(*samples)
    present = others[0] if others and others[0][0] is not None else data
    length = max(len(row) for row in (*data, *present))
    return View(_stack(name, data, length), *(None if part[0] is None else _stack(name, part) for part in others))


def _stack(name: str, samples: Sequence[Any], length: Optional[int] = None) -> Tensor:
    """Stack ``(M_n, ...)`` arrays, tensors or lists of rows to ``(N, length, ...)``."""
    shapes = {tuple(np.shape(sample[0])) for sample in samples}
    if len(shapes) > 1:
        a, b = sorted(shapes)[:2]
        advice = "make the samples alike, skeletons for example by dict(type='ResizeClip', length=50)"
        raise DataError(f"inputs.{name}: {a} and {b} cannot be stacked; {advice}")
    length = length or max(map(len, samples))
    whole = all(len(sample) == length for sample in samples)
    shape, dtype = (len(samples), length, *shapes.pop()), np.asarray(samples[0][0]).dtype
    out = np.empty(shape, dtype) if whole else np.zeros(shape, dtype)
    for target, sample in zip(out, samples):
        if isinstance(sample, list):
            for row, part in zip(target, sample):
                row[...] = part
        else:
            target[: len(sample)] = sample
    return torch.from_numpy(out)
