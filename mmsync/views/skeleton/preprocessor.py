"""From a batch of skeletons to the views that a method compares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from inspect import signature
from typing import Any, Literal, Optional, Union, cast

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from mmsync.errors import ConfigError, DataError, LayoutError
from mmsync.ops.body_frame import FRAMES, body_frame
from mmsync.ops.streams import parse_stream, recenter, to_stream
from mmsync.ops.time_maps import TimeMatrix, all_frames, follow_frames, mix_frames, whole_matrix
from mmsync.registry import MODELS
from mmsync.structures import SkeletonLayout, View, body_matrix
from mmsync.views.preprocessor import Inputs, ViewPreprocessor, Views, check_finite
from mmsync.worlds.programs import program_pairs


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
        recenter: Move each view so that the layout's center joint of its first person starts in the origin;
            ``'person'``: each person on its own, so that places do not show which tracks are of one video.
        window: Frames T' that the model sees; clips of another length are resampled to it as a whole, linearly, after
            augmentation. ``None``: clips keep their length.
        body_frame: Bring every clip to the body frame (:func:`mmsync.ops.body_frame.body_frame`) before augmentation:
            layout ``kinect20``, 64 frames, three coordinates. 2D joints stay at depth 0 in all views.
        programs: K motion programs (:func:`mmsync.worlds.programs.program_pairs`) that each batch of training gets as
            further samples of the views ``first`` and ``second``, in the body frame and augmented as the clips are;
            others on each rank. A dict has ``count=K`` and other arguments of that function.
        seed: Seed of the augmentations, which are a function of (seed, step, rank). ``None`` takes the run's seed.
        non_blocking: Copy to the device without waiting, where the memory is pinned.

    Raises:
        ConfigError: Unknown stream, a transform in ``views`` that is not a batched augmentation of skeletons, or
            programs without the body frame or for other views.
        LayoutError: Unknown layout, a stream of bones of a layout that has none, or a layout that is no body.
    """

    modality = "skeleton"
    input_arguments = ("layout", "stream", "num_coords", "recenter", "window", "body_frame")

    def __init__(
        self, layout: Union[str, Mapping], stream: str = "joint", views: Optional[Views] = None, num_coords: int = 3,
        recenter: Union[bool, Literal["person"]] = False, window: Optional[int] = None, body_frame: bool = False,
        programs: Union[int, Mapping[str, Any]] = 0, seed: Optional[int] = None, non_blocking: bool = False,
    ) -> None:  # fmt: skip
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
        self.programs = dict(programs) if isinstance(programs, Mapping) else dict(count=programs)
        problem = wrong_programs(programs, body_frame, self.views)
        if problem:
            raise ConfigError(f"SkeletonPreprocessor: programs={programs!r}: {problem}")
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
        return self.to_view(self.cast_data(inputs))

    def to_view(self, inputs: Inputs) -> View:
        """What :meth:`prepare` makes of good clips on the device."""
        view = inputs if isinstance(inputs, View) else View(inputs, inputs.flatten(2).ne(0).any(dim=2))
        frames = all_frames(view.data, view.data.shape[2]) if view.index is None else view.index
        view = view._replace(index=frames)
        if self._body is None:
            return view
        view = _resampled(view, FRAMES) if view.valid is None else view
        x, present, time = body_frame(view.data[..., : self.num_coords], self._body, view.present, view.valid)
        before, after = (cast(Tensor, view.index).gather(1, at.long()) for at in (time.floor(), time.ceil()))
        return View(x, present, None, before.lerp(after, time.frac()))

    def training_views(self, view: View, generator: Generator) -> dict[str, View]:
        """The augmented views of a prepared batch, by name; depth stays 0 where it was before augmentation."""
        if self._body is None:
            return super().training_views(view, generator)
        batches = dict.fromkeys(self.views, view)
        if self.programs["count"]:
            clips = program_pairs(generator=generator, frames=view.data.shape[2], **self.programs)
            batches = {name: add_clips(view, x) for name, x in zip(self.views, clips)}
        views = {name: _keep_flat(batch, self.views[name](batch, generator)) for name, batch in batches.items()}
        return {name: self.finish(v) for name, v in views.items()}

    def finish(self, view: View) -> View:
        """Resample, recentre, and turn joints into the stream."""
        view = view if self.window is None else _resampled(view, self.window)
        x = view.data
        if self.recenter:
            x = recenter(x, view.present, self.out_layout.center, self.out_coords, self.recenter == "person")
        return view._replace(data=to_stream(x, self.stream, self._parents, self.out_coords))

    @classmethod
    def check_config(cls, cfg: Mapping[str, Any], path: str) -> Iterable[str]:
        """Those of the base class, and programs that the batches cannot get."""
        yield from super().check_config(cfg, path)
        programs = cfg.get("programs", 0)
        problem = wrong_programs(programs, cfg.get("body_frame", False), cfg.get("views") or ())
        if problem:
            yield f"{path}.programs={programs!r}: {problem}"

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


def wrong_programs(programs: Any, body_frame: bool, views: Iterable[str]) -> Optional[str]:
    """Why a batch cannot get these motion programs, or ``None``."""
    programs = programs if isinstance(programs, Mapping) else dict(count=programs)
    known = [name for name in signature(program_pairs).parameters if name not in ("generator", "frames")]
    unknown = [name for name in programs if name not in known]
    if unknown:
        return f"there is no {unknown[0]!r}, but {', '.join(known)}"
    count = programs.get("count")
    if not isinstance(count, int) or count < 0:
        return f"the count is {count!r}; give a whole number from 0 up"
    if count and not body_frame:
        return "they are clips in the body frame; use body_frame=True"
    if count and set(views) != {"first", "second"}:
        return (
            "a program makes a pair of clips for views=dict(first=[...], second=[...]) of methods such as SimCLR, but "
            f"the views are {', '.join(views) or 'none'}"
        )
    return None


def _resampled(view: View, size: int) -> View:
    """Whole clips in ``size`` frames, as ``ResizeClip`` resizes them."""
    x, frames = view.data, view.data.shape[2]
    if not torch.compiler.is_compiling() and frames == size:  # a graph with this branch would refuse this size
        return view
    with torch.autocast(x.device.type, enabled=False):
        matrix = whole_matrix(x, frames, size)
        index, valid = follow_frames([TimeMatrix(matrix.expand(len(x), -1, -1))], x, view.index, view.valid)
        return view._replace(data=mix_frames(x, matrix[0]), valid=valid, index=index)


def _keep_flat(before: View, after: View) -> View:
    """Set the depth to 0 in the clips that had none before augmentation."""
    deep = before.data[..., 2].flatten(1).ne(0).any(1)
    coords = torch.stack([torch.ones_like(deep), torch.ones_like(deep), deep], 1)[:, None, None, None]
    return after._replace(data=after.data * coords)


def add_clips(view: View, people: Tensor) -> View:
    """A view in the body frame with further clips ``(K, M, T, 20, 3)``, brought there too; absent persons are zero."""
    x, present, _ = body_frame(people, torch.eye(20, device=people.device), frames=view.data.shape[2])
    valid = None if view.valid is None else view.valid.new_ones(x.shape[0], x.shape[2])
    clips = View(x.to(view.data), present, valid, all_frames(x, x.shape[2]))
    persons = max(view.data.shape[1], x.shape[1])
    return View.join([_with_persons(view, persons), _with_persons(clips, persons)])


def _with_persons(view: View, persons: int) -> View:
    """A view with places of absent persons more."""
    absent = persons - view.data.shape[1]
    data = F.pad(view.data, (0, 0) * 3 + (0, absent))
    return view._replace(data=data, present=None if view.present is None else F.pad(view.present, (0, absent)))
