"""From a batch of skeletons to the views that a method compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Optional, Union

import torch
from torch import Generator, Tensor

from mmsync.errors import ConfigError, DataError, LayoutError
from mmsync.ops.body_frame import body_frame
from mmsync.ops.streams import parse_stream, recenter, to_stream
from mmsync.ops.time_maps import TimeMatrix, all_frames, follow_frames, mix_frames, whole_matrix
from mmsync.registry import MODELS
from mmsync.structures import SkeletonLayout, View, body_matrix
from mmsync.views.preprocessor import Inputs, ViewPreprocessor, Views, check_finite


@MODELS.register_module()
class SkeletonPreprocessor(ViewPreprocessor):
    """Make the augmented views of a batch ``(N, M, T, V, C)`` on the training device, or the one view for evaluation.

    Cost: about ten passes over the persons that are present for AimCLR's extreme view and three for the normal one; two
    more for each stream but joint. Absent persons are free.

    Args:
        layout: Layout of the data, a name or a dict.
        stream: ``'joint'``, ``'bone'``, ``'motion'``, ``'bone_motion'``, or several joined by ``+`` (their channels
            are concatenated), made after augmentation.
        views: View name -> configs of batched augmentations. ``None``: training sees the one view of evaluation.
        num_coords: The first channels that are coordinates; a score may follow.
        recenter: Move each view so that the layout's centre joint of its first person starts in the origin;
            ``'person'``: each person on its own, so that places do not show which tracks are of one video.
        window: Frames T' that the model sees; clips of another length are resampled to it as a whole, linearly, after
            augmentation. ``None``: clips keep their length.
        body_frame: Bring every clip to the body frame (:func:`mmsync.ops.body_frame.body_frame`) before augmentation:
            layout ``kinect20``, 64 frames, three coordinates. 2D joints stay at depth 0 in all views.
        seed: Seed of the augmentations, which are a function of (seed, step, rank). ``None`` takes the run's seed.
        non_blocking: Copy to the device without waiting, where the memory is pinned.

    Raises:
        ConfigError: Unknown stream, or a transform in ``views`` that is not a batched augmentation of skeletons.
        LayoutError: Unknown layout, a stream of bones of a layout that has none, or a layout that is no body.
    """

    modality = "skeleton"
    input_arguments = ("layout", "stream", "num_coords", "recenter", "window", "body_frame")

    def __init__(
        self,
        layout: Union[str, Mapping],
        stream: str = "joint",
        views: Optional[Views] = None,
        num_coords: int = 3,
        recenter: Union[bool, Literal["person"]] = False,
        window: Optional[int] = None,
        body_frame: bool = False,
        seed: Optional[int] = None,
        non_blocking: bool = False,
    ) -> None:
        super().__init__(views, seed, non_blocking)
        self.layout = SkeletonLayout.from_config(layout)
        try:
            parse_stream(stream)
        except ValueError as error:
            raise ConfigError(f"SkeletonPreprocessor: {error}") from error
        if "bone" in stream and all(a == b for a, b in self.layout.bones):
            raise LayoutError(
                f"SkeletonPreprocessor: stream={stream!r}, but layout {self.layout.name!r} has no bones, each joint is "
                "its own parent; name the parents in the layout, or take stream='joint' or 'motion'"
            )
        if window is not None and window < 1:
            raise ConfigError(f"SkeletonPreprocessor: window={window}; give at least one frame, or None")
        if recenter not in (True, False, "person"):
            raise ConfigError(f"SkeletonPreprocessor: recenter={recenter!r}; use True, False or 'person'")
        self.stream, self.num_coords, self.window, self.recenter = stream, num_coords, window, recenter
        # what augmentations and the model see
        self.out_layout, self.out_coords, matrix = self.layout, num_coords, None
        self.body_frame = body_frame
        if body_frame:
            self.out_layout, self.out_coords = SkeletonLayout.get("kinect20"), 3
            matrix = torch.from_numpy(body_matrix(self.layout)).float()
        for view in self.views.values():
            view.bind(self.out_layout, self.out_coords)
        self.register_buffer("_parents", torch.tensor(self.out_layout.parents), persistent=False)
        self.register_buffer("_body", matrix, persistent=False)

    def prepare(self, inputs: Inputs, samples: Sequence[Any]) -> View:
        """Clips ``(N, M, T, V, C)``, checked, on the device; in a tensor alone, all-zero persons are absent."""
        # While they are still where the loader left them, so that a GPU need not be waited for.
        self._check(inputs if isinstance(inputs, Tensor) else inputs.data, samples)
        if isinstance(inputs, Tensor):
            x = self.cast_data(inputs)
            view = View(x, x.flatten(2).ne(0).any(dim=2))
        else:
            view = self.cast_data(inputs)
        frames = all_frames(view.data, view.data.shape[2]) if view.index is None else view.index
        if self._body is None:
            return view._replace(index=frames)
        x, present, time = body_frame(view.data[..., : self.num_coords], self._body, view.present, view.valid)
        before, after = (frames.gather(1, at.long()) for at in (time.floor(), time.ceil()))
        return View(x, present, None, before.lerp(after, time.frac()))

    def training_views(self, view: View, generator: Generator) -> dict[str, View]:
        """The augmented views of a prepared batch, by name; depth stays 0 where it was before augmentation."""
        if self._body is None:
            return super().training_views(view, generator)
        deep = view.data[..., 2].flatten(1).ne(0).any(1)
        coords = torch.stack([torch.ones_like(deep), torch.ones_like(deep), deep], 1)[:, None, None, None]
        views = {name: augmentation(view, generator) for name, augmentation in self.views.items()}
        return {name: self.finish(v._replace(data=v.data * coords)) for name, v in views.items()}

    def finish(self, view: View) -> View:
        """Resample, recentre, and turn joints into the stream."""
        x, frames = view.data, view.data.shape[2]
        if self.window is not None and self.window != frames:
            matrix = whole_matrix(x, frames, self.window)
            index, valid = follow_frames([TimeMatrix(matrix.expand(len(x), -1, -1))], x, view.index, view.valid)
            x, view = mix_frames(x, matrix[0]), view._replace(valid=valid, index=index)
        if self.recenter:
            x = recenter(x, view.present, self.out_layout.center, self.out_coords, self.recenter == "person")
        return view._replace(data=to_stream(x, self.stream, self._parents, self.out_coords))

    def _check(self, x: Tensor, samples: Sequence[Any]) -> None:
        if x.dim() != 5 or not x.is_floating_point():
            raise DataError(f"clips are {x.dtype} {tuple(x.shape)}; give a float tensor (N, M, T, V, C)")
        if x.shape[3] != self.layout.num_joints:
            fits = [n for n in SkeletonLayout.names() if SkeletonLayout.get(n).num_joints == x.shape[3]]
            raise LayoutError(
                f"the clips have {x.shape[3]} joints, but the data preprocessor's layout {self.layout.name!r} has "
                f"{self.layout.num_joints}; use {' or '.join(fits) or 'your own layout'} here and in the backbone, or "
                f"have the data set remap its clips with layout={self.layout.name!r}"
            )
        if x.shape[4] < self.num_coords:
            raise DataError(f"clips have {x.shape[4]} channels, but num_coords={self.num_coords}")
        check_finite(x, samples)
