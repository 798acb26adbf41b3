"""The bases of the augmentations of sequences: those of time and those of joints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

import torch
from torch import Tensor

from mmsync.errors import DataError, LayoutError, unwritten
from mmsync.ops.time_maps import all_frames
from mmsync.structures import SkeletonLayout, View
from mmsync.views.augmentation import BatchAugmentation, Draws, where_applied

Align = Callable[[Tensor, Tensor], Tensor]
"""Normalizes joints ``(N, T, V, C)``, given the valid frames ``(N, T)``."""


class SequenceAugmentation(BatchAugmentation):
    """Base of the augmentations of a batch of sequences ``(N, T, F)``; those without ``apply`` are written as others.

    Args:
        prob: Probability in [0, 1] that a sequence is augmented, drawn for each sequence on its own.
    """

    modality = "sequence"
    layout: Optional[SkeletonLayout] = None
    joints: Optional[tuple[int, int]] = None
    align: Optional[Align] = None

    def bind(
        self,
        layout: Optional[SkeletonLayout] = None,
        joints: Optional[tuple[int, int]] = None,
        align: Optional[Align] = None,
    ) -> SequenceAugmentation:
        """Set the layout of the joints, the shape (V, C) of the leading channels, and how joints are normalized."""
        self.layout, self.joints, self.align = layout, joints, align
        return self


@dataclass(frozen=True)
class Frames:
    """What a map of time shows.

    Attributes:
        place: ``(N, T')`` int64, the valid frame in each place, counted from 0 without the padding.
        count: ``(N,)`` int64, how many places are valid, from the first.
        between: ``(N, T')`` bool, places that show the mean of their frame and the next one. ``None``: none.
    """

    place: Tensor
    count: Tensor
    between: Optional[Tensor] = None


class TimeAugmentation(SequenceAugmentation):
    """Base of maps of time of sequences ``(N, T, ...)``: a subclass writes :meth:`choose`.

    The frames that it shows move to the front, ``valid`` covers them, and ``index`` follows; a frame between g and the
    next one has the index ``g + 0.5`` (half way to the next one, where that is nearer), so that it matches no frame.
    Cost: one gather of the data, two where frames are interpolated. What is drawn does not depend on the lengths.
    """

    def choose(self, length: Tensor, frames: int, draws: Draws) -> Frames:
        """The frames that sequences of ``length (N,)`` frames in a batch of ``frames`` show."""
        raise unwritten(self, "choose(length, frames, draws)")

    def frames_out(self, frames: int) -> int:
        """T' of a batch of T frames."""
        return frames

    def out_like(self, x: Tensor) -> Tensor:
        return x[:, :1].expand(-1, self.frames_out(x.shape[1]), *x.shape[2:])

    def apply(self, view: View, draws: Draws) -> View:
        x, frames = view.data, view.data.shape[1]
        valid, index = all_valid(view), all_frames(x, frames) if view.index is None else view.index
        length = valid.sum(1)
        shown = self.choose(length, frames, draws)
        front = (~valid).byte().argsort(dim=1, stable=True)  # padding is at the end, but need not be
        size = shown.place.shape[1]
        counted = torch.arange(size, device=x.device) < shown.count[:, None]
        low = front.gather(1, shown.place.clamp(0, frames - 1))
        if size == frames:  # else a map has no `prob`
            counted = where_applied(draws, counted, valid)
            low = where_applied(draws, low, torch.arange(frames, device=x.device))
        row = torch.arange(len(x), device=x.device)[:, None]
        data, at = x[row, low], index.gather(1, low)
        if shown.between is not None:
            high = front.gather(1, (shown.place + shown.between).clamp(0, frames - 1))
            half = 0.5 * shown.between.to(x.dtype)
            data = torch.lerp(data, x[row, high], half.view(*half.shape, *[1] * (x.dim() - 2)))
            at = at + shown.between * ((index.gather(1, high) - at) / 2).clamp(max=0.5)
        return view._replace(data=data, valid=counted, index=at)


class JointAugmentation(SequenceAugmentation):
    """Base of what moves joints of sequences ``(N, T, V * C + F)``, joints first: a subclass writes :meth:`move`.

    Features behind the joints and padding stay as they are.
    """

    def move(self, x: Tensor, valid: Tensor, draws: Draws) -> Tensor:
        """Moved joints of ``x (N, T, V, C)`` with the valid frames ``(N, T)``."""
        raise unwritten(self, "move(x, valid, draws)")

    def apply(self, view: View, draws: Draws) -> View:
        data, valid, shape = view.data, all_valid(view), self._known_joints()
        rows = draws["apply"].nonzero().flatten() if "apply" in draws else None
        if rows is not None:  # most samples are left alone, and joints cost more to move than to copy
            if not len(rows):
                return view
            data, valid, draws = data[rows], valid[rows], {name: value[rows] for name, value in draws.items()}

        def move(x: Tensor) -> Tensor:
            return torch.where(valid[..., None, None], self.move(x, valid, draws), x)

        moved = on_joints(data, shape, move)
        return view._replace(data=moved if rows is None else view.data.index_copy(0, rows, moved))

    def _aligned(self, x: Tensor, valid: Tensor) -> Tensor:
        return x if self.align is None else self.align(x, valid)

    def _known_joints(self) -> tuple[int, int]:
        if self.joints is None:
            raise DataError(
                f"{type(self).__name__} moves joints, but which channels are joints is not known; give "
                "SequencePreprocessor joints=(V, C), or sequences (N, T, V, C)"
            )
        if self.joints[1] not in (2, 3):
            name, channels = type(self).__name__, self.joints[1]
            raise DataError(f"{name} moves joints of 2 or 3 coordinates, not {channels}; put scores behind the joints")
        return self.joints

    def _known_layout(self) -> SkeletonLayout:
        if self.layout is None:
            name = type(self).__name__
            raise LayoutError(f"{name} does not know the bones; give SequencePreprocessor a layout, as layout='ntu25'")
        return self.layout


def all_valid(view: View) -> Tensor:
    """The valid frames ``(N, T)`` of a view of sequences, all of them where it does not say."""
    if view.valid is not None:
        return view.valid
    return torch.ones(view.data.shape[:2], dtype=torch.bool, device=view.data.device)


def on_joints(data: Tensor, shape: tuple[int, int], function: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply a function of joints ``(N, T, V, C)`` to the leading ``V * C`` channels of ``data (N, T, V * C + F)``."""
    width = shape[0] * shape[1]
    moved = function(data[..., :width].unflatten(-1, shape)).flatten(2)
    return moved if data.shape[-1] == width else torch.cat([moved, data[..., width:]], -1)
