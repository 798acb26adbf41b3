"""From samples to a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Union

import torch

from mmsync.errors import DataError
from mmsync.registry import FUNCTIONS
from mmsync.structures import View


@FUNCTIONS.register_module()
def motion_collate(samples: Union[dict, Sequence[dict]]) -> dict:
    """Stack packed skeleton samples; a finished batch, as ``SkeletonDataset.__getitems__`` makes it, passes through.

    Args:
        samples: Outputs of ``PackSkeleton``, views ``(M, T, V, C)``; ``M`` may differ.

    Returns:
        ``dict(inputs=dict(skeleton=View), data_samples=[...])`` with data ``(N, M, T, V, C)``; ``M`` is the largest of
        the batch, added persons are zero and not present.

    Raises:
        DataError: The clips have different numbers of frames, joints or channels.
    """
    if isinstance(samples, dict):
        return samples
    clips, masks = zip(*(sample["inputs"]["skeleton"][:2] for sample in samples))
    shapes = {tuple(clip.shape[1:]) for clip in clips}
    if len(shapes) > 1:
        a, b = sorted(shapes)[:2]
        raise DataError(
            f"clips (T, V, C) of {a} and {b} cannot be stacked; end the pipeline with a transform that makes them "
            "alike, for example dict(type='ResizeClip', length=50) before PackSkeleton"
        )
    if len({len(mask) for mask in masks}) > 1:
        keypoint = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True)
        mask = torch.nn.utils.rnn.pad_sequence(masks, batch_first=True)
    else:
        keypoint, mask = torch.stack(clips), torch.stack(masks)
    return {
        "inputs": {"skeleton": View(keypoint, mask)},
        "data_samples": [sample["data_samples"] for sample in samples],
    }
