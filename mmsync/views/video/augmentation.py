"""The base of the augmentations of video, and lists of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional, get_args

import torch
from torch import Generator, Tensor

from mmsync.ops.time_maps import follow_frames
from mmsync.ops.video_augment import VideoMap, augment_video
from mmsync.structures import View
from mmsync.views.augmentation import AugmentationSequence, BatchAugmentation, Draws, require_maps

SHARED_NUMBERS = ("side", "left", "top", "noise", "contrast", "brightness")
"""Uniform numbers that a :class:`VideoSequence` draws for every sample whether or not they are used."""


class VideoAugmentation(BatchAugmentation):
    """Base of the augmentations of clips ``(N, C, T, H, W)`` and of tracks ``(N, K, C, T, H, W)`` in [-1, 1].

    A subclass names the uniform numbers that it needs, and writes :meth:`parameters_of`, and ``apply`` or ``maps``:
    functions from view to view, or maps of ``mmsync.ops.video_augment``, which are fused. What is drawn for a sample
    holds for all its frames and tracks.

    Args:
        prob: Probability in [0, 1] that a sample is augmented, drawn for each sample on its own.
        per_track: Draw the numbers anew for each track.
        per_frame: Draw the numbers anew for each frame.
    """

    modality = "video"
    numbers: Sequence[str] = ()
    size: Optional[int] = None
    """Side of the views in pixels, where the data preprocessor sets one."""

    def __init__(self, prob: float = 1.0, per_track: bool = False, per_frame: bool = False) -> None:
        super().__init__(prob)
        self.per_track, self.per_frame = per_track, per_frame

    def bind(self, size: Optional[int] = None) -> VideoAugmentation:
        """Set the side of the views in pixels; ``None``: that of the pictures."""
        self.size = size
        return self

    def draw(self, x: Tensor, generator: Generator) -> Draws:
        return self.draw_with({}, x, generator)

    def draw_with(self, shared: Draws, x: Tensor, generator: Generator) -> Draws:
        """Draw the parameters of every sample; ``shared`` has uniform numbers ``(N, Q, 1)`` that are drawn already."""
        x = x if x.dim() == 6 else x.unsqueeze(1)
        n, tracks, _, frames = x.shape[:4]
        shape = (n, tracks if self.per_track else 1, frames if self.per_frame else 1)
        drawn = {} if self.per_frame else {k: v[:, : shape[1]] for k, v in shared.items()}
        u = {
            name: drawn[name] if name in drawn else torch.rand(shape, generator=generator, device=x.device)
            for name in self.numbers
        }
        return {**self._decide(x, generator), **self.parameters_of(x, u, generator)}

    def parameters_of(self, x: Tensor, u: Draws, generator: Generator) -> Draws:
        """Parameters of ``x (N, K, C, T, H, W)`` from uniform ``u (N, 1 or K, 1 or T)`` in [0, 1), by name."""
        return {}

    def fuse(self, view: View, maps: Sequence[Any]) -> View:  # type: ignore[override]
        require_maps(maps, get_args(VideoMap))
        plain = view.data.dim() == 5
        out = augment_video(view.data.unsqueeze(1) if plain else view.data, maps)
        index, valid = follow_frames(maps, view.data, view.index, view.valid, axis=view.data.dim() - 3)
        return View(out.squeeze(1) if plain else out, view.present, valid, index)


class VideoSequence(AugmentationSequence):
    """A view of video: a list of augmentations of ``(N, K, C, T, H, W)``, one after the other, their maps fused.

    The numbers of crop, noise and light are drawn in one block, also those that the list does not use. So adding noise
    or light to a view does not change its crops.

    Args:
        transforms: Augmentations.
    """

    def draw(self, x: Tensor, generator: Generator) -> Draws:
        many = x.dim() == 6 and any(getattr(t, "per_track", False) for t in self.transforms)
        shape = (len(x), x.shape[1] if many else 1, len(SHARED_NUMBERS))
        block = torch.rand(shape, generator=generator, device=x.device)
        return self._draw_parts(x, generator, dict(zip(SHARED_NUMBERS, block.split(1, dim=2))))

    def _draw_part(self, part: BatchAugmentation, x: Tensor, generator: Generator, shared: Draws) -> Draws:
        if not isinstance(part, VideoAugmentation) or type(part).draw is not VideoAugmentation.draw:
            return part.draw(x, generator)
        # Each number serves once: a second crop of the list draws its own.
        own = {name: shared.pop(name) for name in part.numbers if name in shared}
        return part.draw_with(own, x, generator)
