"""From a batch of sequences to the views that a method compares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional, Union

import torch
from torch import Generator, Tensor

from mmsync.errors import ConfigError, DataError, LayoutError
from mmsync.ops.time_maps import all_frames
from mmsync.registry import MODELS
from mmsync.structures import SkeletonLayout, View
from mmsync.views.augmentation import whole
from mmsync.views.preprocessor import Inputs, ViewPreprocessor, Views, check_finite
from mmsync.views.sequence.augmentation import all_valid, on_joints
from mmsync.views.sequence.matching import put_rows, shared_frames
from mmsync.views.sequence.normalize import Normalize, normalizer

REDRAWS = 10


@MODELS.register_module()
class SequencePreprocessor(ViewPreprocessor):
    """Make the views of a batch of sequences ``(N, T, ...)`` on the training device: joints, frame features, or both.

    Joints ``(N, T, V, C)`` become ``(N, T, V * C)``. Each view ends with the last frame that any sample uses (one at
    least), and padding is zero. In evaluation the whole sequences are normalized, nothing more.

    Args:
        views: View name -> configs of batched augmentations of sequences. ``None``: training sees the one view of
            evaluation.
        common: Augmentations before those of ``views``, drawn once for all views: their window, for instance.
        joints: (V, C) of the leading channels of ``(N, T, V * C + F)``; of sequences ``(N, T, V, C)`` it is read.
        layout: Layout of the joints, a name or a dict, for augmentations that follow bones and for names of joints.
        normalize: Normalization of each frame of joints, before all augmentations and again after those that say so:
            ``'body25'``, ``'hands42'``, ``'ikea17'`` (CASA), ``'ntu25'``, ``'smpl24'``; ``'casa'`` for the one of the
            layout; ``dict(z=(a, b), x=(c, d), scale=True)`` of any joints; in 2D ``'torso2d'``, or ``dict(hips=(a, b),
            shoulders=(c, d), per_frame=False)``. ``None``: none.
        min_match: Frames of equal ``index`` that the first two views share at least, or all of a shorter sequence.
            Samples below it are drawn anew in both, at most ten times, and then the second view is as the first.
        seed: Seed of the augmentations, which are a function of (seed, step, rank). ``None`` takes the run's seed.
        non_blocking: Copy to the device without waiting, where the memory is pinned.

    Raises:
        ConfigError: A transform in ``views`` or ``common`` that is not a batched augmentation of sequences, joints
            that do not exist, or ``common`` or ``min_match`` without the views that they need.
        LayoutError: A layout of another number of joints.
    """

    modality = "sequence"
    input_arguments = ("normalize",)

    def __init__(
        self, views: Optional[Views] = None, common: Optional[Sequence[Mapping[str, Any]]] = None,
        joints: Optional[Sequence[int]] = None, layout: Optional[Union[str, Mapping[str, Any]]] = None,
        normalize: Normalize = None, min_match: int = 0, seed: Optional[int] = None, non_blocking: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(views, seed, non_blocking)
        self.common = self.build_list("common", common or [])
        if self.common.transforms and not self.views:
            raise ConfigError("SequencePreprocessor: common without views; name a view, as in views=dict(clip=[])")
        self.min_match = whole(self, "min_match", min_match, 0)
        if min_match and len(self.views) < 2:
            raise ConfigError(f"SequencePreprocessor: min_match={min_match} is of two views; give two, or min_match=0")
        self.layout = None if layout is None else SkeletonLayout.from_config(layout)
        self.normalize = normalize
        self.align = normalizer(normalize, self.layout)
        self.joints: Optional[tuple[int, int]] = None
        self._bind(None if joints is None else self._shape(joints))

    def prepare(self, inputs: Inputs, samples: Sequence[Any]) -> View:
        """Sequences ``(N, T, F)`` float, or a DataError; ``valid (N, T)`` says which frames are no padding."""
        view = View(inputs) if isinstance(inputs, Tensor) else inputs
        x, valid = view.data, view.valid
        if x.dim() not in (3, 4) or not x.is_floating_point():
            raise DataError(f"sequences are {x.dtype} {tuple(x.shape)}; give a float tensor (N, T, F) or (N, T, V, C)")
        if valid is not None and valid.shape != x.shape[:2]:
            raise DataError(f"valid is {tuple(valid.shape)}, but sequences are {tuple(x.shape)}; give (N, T)")
        if x.dim() == 4:
            self._bind((x.shape[2], x.shape[3]))
        elif self.joints is not None and self.joints[0] * self.joints[1] > x.shape[2]:
            raise DataError(f"sequences have {x.shape[2]} channels, too few for joints={self.joints}")
        check_finite(x, samples)
        return self.to_view(self.cast_data(view))

    def to_view(self, inputs: Inputs) -> View:
        """What :meth:`prepare` makes of good sequences on the device."""
        view = View(inputs) if isinstance(inputs, Tensor) else inputs
        view = view._replace(data=view.data.flatten(2))
        return view if view.index is not None else view._replace(index=all_frames(view.data, view.data.shape[1]))

    def for_evaluation(self, view: View) -> View:
        """The whole sequences, normalized."""
        if self.align is None:
            return view
        if self.joints is None:
            raise DataError(
                "SequencePreprocessor: normalize is of joints, but sequences are (N, T, F); give joints=(V, C)"
            )
        align, valid = self.align, all_valid(view)
        return view._replace(data=on_joints(view.data, self.joints, lambda x: align(x, valid)))

    def training_views(self, view: View, generator: Generator) -> dict[str, View]:
        """The augmented views of a prepared batch, by name, after what they have in common."""
        view = self.common(self.for_evaluation(view), generator)
        views = {name: augmentation(view, generator) for name, augmentation in self.views.items()}
        if self.min_match:
            self._match(view, views, generator)
        return {name: self.finish(one) for name, one in views.items()}

    def finish(self, view: View) -> View:
        """Cut the frames at the end that no sample uses, and set padding to zero."""
        data, valid, index = view.data, view.valid, view.index
        if valid is None:
            return view
        number = torch.arange(1, valid.shape[1] + 1, device=valid.device)
        used, full = torch.stack([(valid * number).amax(), valid.all()]).tolist()  # a GPU is waited for once
        if full:
            return view
        used = max(used, 1)
        valid, index = valid[:, :used], None if index is None else index[:, :used]
        return view._replace(data=data[:, :used].masked_fill(~valid[..., None], 0), valid=valid, index=index)

    def _match(self, source: View, views: dict[str, View], generator: Generator) -> None:
        """Draw the samples of the first two views anew that share too few frames; changes ``views``."""
        names = list(views)[:2]
        wanted = all_valid(source).sum(1).clamp(max=self.min_match)
        for _ in range(REDRAWS):
            rows = (shared_frames(views[names[0]], views[names[1]]) < wanted).nonzero().flatten()
            if not len(rows):
                return
            for name in names:
                views[name] = put_rows(views[name], rows, self.views[name](source.take(rows), generator))
        rows = (shared_frames(views[names[0]], views[names[1]]) < wanted).nonzero().flatten()
        views[names[1]] = put_rows(views[names[1]], rows, views[names[0]].take(rows))

    def _shape(self, joints: Sequence[int]) -> tuple[int, int]:
        if not isinstance(joints, Sequence) or len(joints) != 2:
            raise ConfigError(
                f"SequencePreprocessor: joints={joints!r}; give the numbers of joints and channels (V, C)"
            )
        return whole(self, "joints", joints[0]), whole(self, "joints", joints[1])

    def _bind(self, joints: Optional[tuple[int, int]]) -> None:
        """Tell the augmentations what the leading channels are."""
        if joints is not None and self.layout is not None and self.layout.num_joints != joints[0]:
            text = (
                f"layout {self.layout.name!r} has {self.layout.num_joints} joints, but the sequences have {joints[0]}"
            )
            raise LayoutError(f"SequencePreprocessor: {text}; give the layout of the data")
        if joints is None or joints != self.joints:
            self.joints = joints
            for part in (self.common, *self.views.values()):
                part.bind(self.layout, joints, self.align)

    @classmethod
    def check_config(cls, cfg: Mapping[str, Any], path: str) -> Iterable[str]:
        """As for any preprocessor, of ``common`` as well."""
        yield from super().check_config(cfg, path)
        if cfg.get("common") is not None:
            yield from cls.check_list(cfg["common"], f"{path}.common")
