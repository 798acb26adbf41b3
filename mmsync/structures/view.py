"""One view of a batch, and the labels that travel beside its tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor

FRAME_AXIS = {"skeleton": 2, "video": -3, "sequence": 1}
"""Axis of T in a view's data, by modality; sound has frames only after its front end."""


class View(NamedTuple):
    """One view of a batch of N samples. ``None`` means: all present, all valid, unknown.

    Attributes:
        data: Skeletons ``(N, M, T, V, C)``; video ``(N, C, T, H, W)``, tracks ``(N, K, C, T, H, W)``; audio waveform
            ``(N, C, S)`` or spectrogram ``(N, 1, F, T)``; sequences ``(N, T, ...)``.
        present: ``(N, M)`` bool, which persons (or tracks, K for M) are present.
        valid: ``(N, T)`` bool, which frames count.
        index: ``(N, T)`` float, the frame of the source that each frame shows; a real number after resampling.
    """

    data: Tensor
    present: Optional[Tensor] = None
    valid: Optional[Tensor] = None
    index: Optional[Tensor] = None  # type: ignore[assignment]  # hides tuple.index, which no one needs

    def take(self, rows: Tensor) -> View:
        """Select samples by an index or mask over N."""
        return View._make(None if part is None else part[rows] for part in self)

    @classmethod
    def join(cls, views: Sequence[View]) -> View:
        """One view of the samples of all; parts that the first one lacks must be lacking in all."""
        return cls._make(None if parts[0] is None else torch.cat(parts) for parts in zip(*views))

    def tracks(self) -> tuple[View, Optional[Tensor]]:
        """Tracks ``(N, K, ...)`` present as samples ``(R, 1, ...)``, and which these are, ``(N * K,)`` or None."""
        k = self.data.shape[1]
        frames = (None if part is None else part.repeat_interleave(k, 0) for part in (self.valid, self.index))
        split = View(self.data.flatten(0, 1).unsqueeze(1), None, *frames)
        if self.present is None:
            return split, None
        present = self.present.flatten()
        return split.take(present), present

    def after_stride(self, steps: int) -> tuple[Optional[Tensor], Optional[Tensor]]:
        """``valid``, ``index (N, T')`` of a backbone's steps: valid if any of its frames is, showing their mean."""
        valid = self.valid
        if valid is not None and valid.shape[1] != steps:
            valid = torch.nn.functional.adaptive_max_pool1d(valid[:, None].float(), steps)[:, 0] > 0
        index = self.index
        if index is not None and index.shape[1] != steps:
            index = torch.nn.functional.adaptive_avg_pool1d(index[:, None], steps)[:, 0]
        return valid, index


class MotionSample(BaseDataElement):
    """``gt_label`` of a clip, -1 for unknown; meta fields ``name``, ``index``, ``role`` ('train', 'bank', 'query')."""

    @classmethod
    def quick(cls, gt_label: int, metainfo: dict[str, object]) -> MotionSample:
        """Do as the constructor, without its copies and checks, which cost more than a batch of mapped clips."""
        sample = cls.__new__(cls)
        fields = dict(_metainfo_fields=set(metainfo), _data_fields={"gt_label"})
        sample.__dict__.update(metainfo, gt_label=gt_label, **fields)
        return sample
