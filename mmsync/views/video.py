"""From pictures to the views of video that a method compares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

import torch
from torch import Tensor

from mmsync.errors import ConfigError, DataError, did_you_mean, nearest
from mmsync.ops.video_augment import augment_video, crop_resize, draw_video, is_flow, to_unit
from mmsync.registry import MODELS
from mmsync.structures import View
from mmsync.views.base import ViewPreprocessor, sole_view

_DEFAULTS: dict[str, Any] = dict(
    crop=(1.0, 1.0), flip=0.0, noise=0.0, brightness=0.0, contrast=0.0, shared_noise=True, per_track=False
)
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@MODELS.register_module()
class VideoPreprocessor(ViewPreprocessor):
    """Make the views of a batch of tracks ``(N, K, T, S, S, C)`` uint8 on the training device, in [-1, 1].

    A view has ``(N, K, C, T, H, W)``; plain clips ``(N, T, S, S, C)`` give ``(N, C, T, H, W)``. What is drawn for a
    sample holds for all its frames and tracks. Cost: a pass to float, one resampling, two for light, one for noise.
    C is 3 of colour, or 2 of optical flow, which follows crop and flip and has neither brightness nor contrast.

    Args:
        views: View name -> what is drawn for it, each part left out if not given: ``crop``, the side of a square crop
            as a share of the picture's, a number or smallest and largest (7/8 is 224 out of 256); ``flip``, a
            probability; ``noise``, the largest deviation of noise; ``brightness`` and ``contrast``, the largest shift
            of the values and change of their gain; ``shared_noise``, one field of noise for all frames (default) or one
            for each; ``per_track``, all but the flip anew for each track. ``None``: training sees the one view of
            evaluation.
        size: Side of the views, pixels; ``None``: that of the pictures.
        test_crop: Side of the central crop in evaluation, as a share of the picture's.
        difference: Give each frame less the one before it in place of the frame, the first one zero (RGB difference of
            TSN, Wang et al., 2016). What stands still vanishes, clothes and walls with it: a network without
            pretrained weights then begins with motion.
        dtype: ``'float32'``, ``'bfloat16'`` or ``'float16'``, of the views; augmentation is in single precision.
        seed: Of the augmentations, which are a function of (seed, step, rank). ``None`` takes the run's seed.
        non_blocking: Copy to the device without waiting, where the memory is pinned.

    Raises:
        ConfigError: An unknown key of a view, or a number out of its range.
    """

    def __init__(
        self,
        views: Optional[Mapping[str, Mapping[str, Any]]] = None,
        size: Optional[int] = None,
        test_crop: float = 1.0,
        difference: bool = False,
        dtype: str = "float32",
        seed: Optional[int] = None,
        non_blocking: bool = False,
    ) -> None:
        super().__init__(seed, non_blocking)
        if dtype not in _DTYPES or not 0 < test_crop <= 1 or (size is not None and size < 1):
            raise ConfigError(
                f"VideoPreprocessor: size={size}, test_crop={test_crop}, dtype={dtype!r}: give a size of 1 or more, a "
                f"share in (0, 1] and one of {', '.join(_DTYPES)}"
            )
        self.views = {name: _settings(name, view) for name, view in (views or {}).items()}
        self.size, self.test_crop, self.difference, self.dtype = size, test_crop, difference, _DTYPES[dtype]

    def forward(self, data: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
        """Make the views.

        Args:
            data: ``inputs``: ``dict(video=View)`` of tracks ``(N, K, T, S, S, C)`` or clips ``(N, T, S, S, C)``, or
                the tensor alone; ``data_samples``, passed through.
            training: Draw augmented views, and count a step.

        Returns:
            ``data`` with ``inputs``: views by name; of evaluation under the names in ``feature_views``, nothing in them
            random. ``present`` is ``None`` where everyone is.

        Raises:
            DataError: The pictures are no uint8 tensor of such a shape.
            ConfigError: Optical flow is to change in brightness or contrast.
        """
        tracks, mask, *_ = sole_view(data["inputs"])
        if tracks.dtype != torch.uint8 or tracks.dim() not in (5, 6) or tracks.shape[-1] not in (2, 3):
            raise DataError(
                f"pictures are {tracks.dtype} {tuple(tracks.shape)}; a uint8 tensor (N, K, T, S, S, C), or of plain "
                "clips (N, T, S, S, C), is wanted, C 3 of colour or 2 of optical flow"
            )
        if mask is not None and bool(mask.all()):  # asked on the loader's side, where nothing need be waited for
            mask = None
        tracks, mask = self.cast_data((tracks, mask))
        plain = tracks.dim() == 5
        x = to_unit(tracks.unsqueeze(1) if plain else tracks)
        size = self.size or x.shape[-1]
        if not training or not self.views:
            view = self._view(self._center(x, size), mask, plain)
            return {**data, "inputs": dict.fromkeys(self.feature_views, view)}
        generator = self.next_generator(x.device)
        with torch.autocast(x.device.type, enabled=False):
            views = {
                name: self._view(self._augment(x, size, settings, generator), mask, plain)
                for name, settings in self.views.items()
            }
        return {**data, "inputs": views}

    def _augment(self, x: Tensor, size: int, settings: Mapping[str, Any], generator: torch.Generator) -> Tensor:
        n, k, channels, frames = x.shape[:4]
        if is_flow(x) and (settings["brightness"] or settings["contrast"]):
            raise ConfigError(
                "VideoPreprocessor: brightness and contrast are of colour; leave them out for optical flow"
            )
        draws = draw_video(n, k, frames, size, **settings, generator=generator, channels=channels)
        return augment_video(x, draws, size)

    def _center(self, x: Tensor, size: int) -> Tensor:
        if self.test_crop == 1 and x.shape[-2:] == (size, size):
            return x
        edge = (1 - self.test_crop) / 2
        box = x.new_tensor([edge, edge, self.test_crop, self.test_crop])
        return crop_resize(x, box.expand(*x.shape[:2], 4), None, size)

    def _view(self, x: Tensor, mask: Optional[Tensor], plain: bool) -> View:
        if self.difference:
            x = x.diff(dim=3, prepend=x[:, :, :, :1])
        return View((x.squeeze(1) if plain else x).to(self.dtype), None if plain else mask)


def _settings(name: str, view: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a view, whole and checked."""
    for key in view:
        if key not in _DEFAULTS:
            known = list(_DEFAULTS)
            hint = did_you_mean(nearest(key, known))
            raise ConfigError(f"VideoPreprocessor: views.{name}: no {key!r}{hint}; use {', '.join(known)}")
    found = {**_DEFAULTS, **view}
    crop = found["crop"]
    low, high = found["crop"] = (crop, crop) if isinstance(crop, (int, float)) else tuple(crop)
    wrong = [key for key in ("noise", "brightness", "contrast") if not found[key] >= 0]
    if wrong or not 0 < low <= high <= 1 or not 0 <= found["flip"] <= 1:
        raise ConfigError(
            f"VideoPreprocessor: views.{name}: {found}: give 0 or more, flip a probability, and crop a share in (0, 1] "
            "or two of them, the smaller first"
        )
    return found
