"""Embeddings of the frames of sequences, and pairs of sequences of one activity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional

import torch
from torch import Tensor

from mmsync.errors import DataError
from mmsync.ops.dist import all_gather, gather_padded, rank, world_size
from mmsync.structures.view import MotionSample


class Frames(NamedTuple):
    """Embeddings of the frames of N sequences.

    Attributes:
        data: ``(N, T, D)``.
        valid: ``(N, T)`` bool, which frames are no padding.
        index: ``(N, T)`` float, the frame of the source that each one shows.
        length: ``(N,)`` float, number of frames of the source.
        activity: ``(N,)`` int64, the activity of each sequence; -1, one for all, where it is not known.
    """

    data: Tensor
    valid: Tensor
    index: Tensor  # type: ignore[assignment]  # hides tuple.index, which no one needs
    length: Tensor
    activity: Tensor

    @classmethod
    def of(
        cls,
        data: Tensor,
        valid: Optional[Tensor] = None,
        index: Optional[Tensor] = None,
        samples: Optional[Sequence[MotionSample]] = None,
    ) -> Frames:
        """Embeddings ``(N, T, D)`` with what samples say of their sequences.

        Without ``valid`` all frames are valid, without ``index`` they are the first T. Without samples that know
        ``num_frames`` a sequence ends at the last frame that is shown. Labels are used as activities, nothing else.
        """
        if valid is None:
            valid = torch.ones(data.shape[:2], dtype=torch.bool, device=data.device)
        if index is None:
            index = torch.arange(data.shape[1], device=data.device, dtype=torch.float32).expand(len(data), -1)
        if samples and all(hasattr(sample, "num_frames") for sample in samples):
            length = index.new_tensor([float(sample.num_frames) for sample in samples])
        else:
            length = index.masked_fill(~valid, 0).amax(1).floor() + 1
        labels = [int(getattr(sample, "gt_label", -1)) for sample in samples or ()] or [-1] * len(data)
        return cls(data, valid, index, length, torch.tensor(labels, device=data.device))

    def take(self, rows: Tensor) -> Frames:
        """Select sequences by an index over N."""
        return Frames._make(part[rows] for part in self)


def gather_frames(frames: Frames) -> Frames:
    """The sequences of all ranks, embeddings with their gradient."""
    if world_size() == 1:
        return frames
    data, valid = gather_padded(frames.data, with_grad=True), gather_padded(frames.valid.int()).bool()
    rest = all_gather(frames.length), all_gather(frames.activity)
    return Frames(data, valid, gather_padded(frames.index), *rest)


def same_activity_pairs(local: Frames) -> tuple[Frames, Frames]:
    """All ordered pairs of different sequences of the same activity whose first one is of this rank.

    A mean over the pairs of all ranks (``mmsync.ops.masked.mean_over_ranks``) is then that of one process.

    Returns:
        tuple: First and second sequences of P pairs, those of other ranks with gradient.

    Raises:
        DataError: No rank has two sequences of one activity.
    """
    frames = gather_frames(local)
    own = torch.arange(len(local.data), device=local.data.device) + rank() * len(local.data)
    same = frames.activity[:, None] == frames.activity
    same.fill_diagonal_(False)
    if not same.any():
        raise DataError(
            "the batch has no two sequences of one activity; set train_dataloader.batch_sampler="
            "dict(type='GroupBatchSampler', by='label', per_group=2)"
        )
    first, second = same[own].nonzero().unbind(1)
    return frames.take(own[first]), frames.take(second)
