"""From a batch of clips to the views that a method compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Optional, Union

import torch
from torch import Tensor

from mmsync.errors import ConfigError, DataError, LayoutError
from mmsync.ops.resample import resample
from mmsync.ops.streams import parse_stream, recenter, to_stream
from mmsync.registry import MODELS, TRANSFORMS
from mmsync.structures import SkeletonLayout, View
from mmsync.views.base import ViewPreprocessor, sole_view


@MODELS.register_module()
class SkeletonPreprocessor(ViewPreprocessor):
    """Make the augmented views of a batch ``(N, M, T, V, C)`` on the training device, or the one view for evaluation.

    Cost: about ten passes over the persons that are there for AimCLR's extreme view and three for the normal one (the
    dearest are the 3x3 product and the drawing of noise); two more for each stream but joint. Absent persons are free.

    Args:
        layout: Layout of the data, a name or a dict.
        stream: ``'joint'``, ``'bone'``, ``'motion'``, ``'bone_motion'``, or several joined by ``+`` (their channels
            are concatenated), made after augmentation.
        views: View name -> configs of batched augmentations. ``None``: training sees the one view of evaluation.
        num_coords: The first channels that are coordinates; a score may follow.
        recenter: Move each view so that the layout's centre joint of its first person starts in the origin. A crop
            out of the middle of a walk then looks like a clip of its own, in training as in evaluation. ``'person'``:
            each person on its own, so that two tracks do not tell by their places that they are of one video.
        window: Frames T' that the model sees; clips of another length are resampled to it as a whole, linearly, after
            augmentation. ``None``: clips keep their length.
        seed: Of the augmentations, which are a function of (seed, step, rank). ``None`` takes the run's seed.
        non_blocking: Copy to the device without waiting, where the memory is pinned.

    Raises:
        ConfigError: Unknown stream, or a transform in ``views`` that is no batched augmentation.
    """

    def __init__(
        self,
        layout: Union[str, Mapping],
        stream: str = "joint",
        views: Optional[Mapping[str, Sequence[Mapping]]] = None,
        num_coords: int = 3,
        recenter: Union[bool, Literal["person"]] = False,
        window: Optional[int] = None,
        seed: Optional[int] = None,
        non_blocking: bool = False,
    ) -> None:
        super().__init__(seed, non_blocking)
        self.layout = SkeletonLayout.from_config(layout)
        try:
            parse_stream(stream)
        except ValueError as error:
            raise ConfigError(f"SkeletonPreprocessor: {error}") from error
        if recenter not in (True, False, "person"):
            raise ConfigError(f"SkeletonPreprocessor: recenter={recenter!r}; use True, False or 'person'")
        self.stream, self.num_coords, self.window, self.recenter = stream, num_coords, window, recenter
        self.views = {
            name: TRANSFORMS.build(dict(type="AugmentationSequence", transforms=transforms)).bind(
                self.layout, num_coords
            )
            for name, transforms in (views or {}).items()
        }
        self.register_buffer("_parents", torch.tensor(self.layout.parents), persistent=False)

    def forward(self, data: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
        """Make the views.

        Args:
            data: ``inputs``: ``dict(skeleton=View)`` of clips ``(N, M, T, V, C)``, or of K tracks; or the tensor
                alone, in which persons that are all zero are absent. ``data_samples``, passed through.
            training: Draw augmented views, and count a step.

        Returns:
            ``data`` with ``inputs``: views by name; of evaluation under the names in ``feature_views``, nothing in them
            random.

        Raises:
            LayoutError: The clips do not have the layout's joints.
            DataError: The clips are no ``(N, M, T, V, C)`` float tensor, or some, which are named, are not finite.
        """
        view = sole_view(data["inputs"])
        self._check(view.data, data)
        # The samples stay where they are: copying a hundred of them costs more than the views do.
        view = self.cast_data(view)
        if isinstance(data["inputs"], Tensor):
            view = view._replace(present=view.data.flatten(2).ne(0).any(dim=2))
        if not training or not self.views:
            return {**data, "inputs": dict.fromkeys(self.feature_views, self._finish(view))}
        generator = self.next_generator(view.data.device)
        with torch.autocast(view.data.device.type, enabled=False):  # coordinates stay float32 in mixed precision
            return {**data, "inputs": {name: self._finish(aug(view, generator)) for name, aug in self.views.items()}}

    def _finish(self, view: View) -> View:
        x = view.data if self.window is None else resample(view.data, self.window)
        if self.recenter:
            x = recenter(x, view.present, self.layout.center, self.num_coords, self.recenter == "person")
        return view._replace(data=to_stream(x, self.stream, self._parents, self.num_coords))

    def _check(self, x: Tensor, data: Mapping[str, Any]) -> None:
        """Refuse bad clips while they are still where the loader left them, so that a GPU need not be waited for."""
        if x.dim() != 5 or not x.is_floating_point():
            raise DataError(f"clips are {x.dtype} {tuple(x.shape)}; a float tensor (N, M, T, V, C) is wanted")
        if x.shape[3] != self.layout.num_joints:
            fits = [n for n in SkeletonLayout.names() if SkeletonLayout.get(n).num_joints == x.shape[3]]
            raise LayoutError(
                f"the clips have {x.shape[3]} joints, but the data preprocessor's layout {self.layout.name!r} has "
                f"{self.layout.num_joints}. If the data are {' or '.join(fits) or 'of your own layout'}, either set "
                "layout to that here and in the backbone, or have the dataset remap its clips with "
                f"layout={self.layout.name!r}"
            )
        if x.shape[4] < self.num_coords:
            raise DataError(
                f"clips have {x.shape[4]} channels, but num_coords={self.num_coords} of the data preprocessor"
            )
        # One sum over the batch: it is finite unless a value is not, or the values overflow it.
        if not torch.isfinite(x.sum()):
            bad = (~torch.isfinite(x)).flatten(1).any(dim=1).nonzero().flatten().tolist()
            if bad:
                samples = data.get("data_samples") or [None] * len(x)
                names = [str(getattr(samples[i], "name", None) or f"number {i} of the batch") for i in bad]
                raise DataError(
                    f"NaN or infinity in {len(bad)} of {len(x)} clips: {', '.join(names[:20])}"
                    f"{', ...' if len(names) > 20 else ''}. Find all such clips with tools/misc/check_data.py, and "
                    "repair them or leave them out"
                )
