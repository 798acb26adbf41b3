"""From a batch of pictures to the views of video that a method compares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import torch
from torch import Tensor

from mmsync.errors import ConfigError, DataError
from mmsync.ops.time_maps import all_frames
from mmsync.ops.video_augment import Crop, augment_video, to_unit
from mmsync.registry import MODELS
from mmsync.structures import View
from mmsync.views.preprocessor import Inputs, ViewPreprocessor, Views
from mmsync.views.video.augmentation import VideoSequence

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@MODELS.register_module()
class VideoPreprocessor(ViewPreprocessor):
    """Make the views of a batch of tracks ``(N, K, T, S, S, C)`` uint8 on the training device, in [-1, 1].

    A view has ``(N, K, C, T, H, W)``; plain clips ``(N, T, S, S, C)`` give ``(N, C, T, H, W)``. What is drawn for a
    sample holds for all its frames and tracks unless an augmentation has ``per_frame`` or ``per_track``. C is 3 for
    color, or 2 for optical flow, which follows crop and flip and has no colors to change.

    Args:
        views: View name -> configs of batched augmentations of video. ``None``: training sees the one view of
            evaluation.
        size: Side of the views, pixels; ``None``: that of the pictures.
        test_crop: Side of the central crop in evaluation, as a share of the picture's.
        difference: Give each frame less the one before it in place of the frame, the first one zero (RGB difference of
            TSN, Wang et al., 2016), so that a network without pretrained weights begins with motion.
        dtype: ``'float32'``, ``'bfloat16'`` or ``'float16'``, of the views; augmentation is in single precision.
        seed: Seed of the augmentations, which are a function of (seed, step, rank). ``None`` takes the run's seed.
        non_blocking: Copy to the device without waiting, where the memory is pinned.

    Raises:
        ConfigError: A transform in ``views`` that is not a batched augmentation of video, or a number out of its range.
    """

    modality = "video"
    input_arguments = ("size", "test_crop", "difference")
    sequence = VideoSequence

    def __init__(
        self, views: Optional[Views] = None, size: Optional[int] = None, test_crop: float = 1.0,
        difference: bool = False, dtype: str = "float32", seed: Optional[int] = None, non_blocking: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(views, seed, non_blocking)
        if dtype not in _DTYPES or not 0 < test_crop <= 1 or (size is not None and size < 1):
            raise ConfigError(
                f"VideoPreprocessor: {size=}, {test_crop=}, {dtype=}: give a size of 1 or more, a share in (0, 1] and "
                f"one of {', '.join(_DTYPES)}"
            )
        self.size, self.test_crop, self.difference, self.dtype = size, test_crop, difference, _DTYPES[dtype]
        for view in self.views.values():
            view.bind(size)

    def prepare(self, inputs: Inputs, samples: Sequence[Any]) -> View:
        """Pictures as floats in [-1, 1], or a DataError; ``present`` is ``None`` where everyone is."""
        view = View(inputs) if isinstance(inputs, Tensor) else inputs
        x = view.data
        if x.dtype != torch.uint8 or x.dim() not in (5, 6) or x.shape[-1] not in (2, 3):
            raise DataError(
                f"pictures are {x.dtype} {tuple(x.shape)}; give uint8 (N, K, T, S, S, C) or (N, T, S, S, C)"
            )
        if x.dim() == 5 or (view.present is not None and bool(view.present.all())):
            view = view._replace(present=None)  # decided on the loader's side, where nothing need be waited for
        view = self.cast_data(view)
        index = all_frames(view.data, x.shape[-4]) if view.index is None else view.index
        return view._replace(data=to_unit(view.data), index=index)

    def for_evaluation(self, view: View) -> View:
        """The central crop."""
        edge = (1 - self.test_crop) / 2
        box = view.data.new_tensor([edge, edge, self.test_crop, self.test_crop])
        return view if self.test_crop == 1 else self._crop(view, box)

    def finish(self, view: View) -> View:
        """Scale to the size of the views, if that is still to be done; take differences of frames."""
        if self.size is not None and view.data.shape[-2:] != (self.size, self.size):
            view = self._crop(view, None)
        x, valid = view.data, view.valid
        if self.difference:
            x = x.diff(dim=-3, prepend=x[..., :1, :, :])
            # The frame it replaces is the one that a difference shows; it counts if both of its frames do.
            valid = None if valid is None else valid & torch.cat([valid[:, :1], valid[:, :-1]], 1)
        return view._replace(data=x.to(self.dtype), valid=valid)

    def _crop(self, view: View, box: Optional[Tensor]) -> View:
        plain = view.data.dim() == 5
        x = augment_video(view.data.unsqueeze(1) if plain else view.data, [Crop(box, None, self.size)])
        return view._replace(data=x.squeeze(1) if plain else x)
