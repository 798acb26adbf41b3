"""The base of the augmentations of skeletons, and augmentations of batches on single clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union, get_args

import torch
from mmcv.transforms import BaseTransform
from torch import Tensor

from mmsync.errors import ConfigError, LayoutError
from mmsync.ops import skeleton_augment as ops
from mmsync.ops.time_maps import follow_frames
from mmsync.registry import TRANSFORMS
from mmsync.structures import SkeletonLayout, View
from mmsync.views.augmentation import AugmentationSequence, BatchAugmentation, require_maps, wrong_augmentation

LayoutConfig = Union[str, Mapping, SkeletonLayout]


class SkeletonAugmentation(BatchAugmentation):
    """Base of the augmentations of a skeleton batch ``(N, M, T, V, C)``.

    A subclass writes ``parameters``, and ``apply`` or ``maps``: functions from view to view, or maps of
    ``mmsync.ops.skeleton_augment``, which are fused and leave absent persons zero. Persons and frames of a clip share
    its parameters, clips never do.

    Args:
        prob: Probability in [0, 1] that a clip is augmented, drawn for each clip on its own.
    """

    modality = "skeleton"
    num_coords = 3
    layout: Optional[SkeletonLayout] = None

    def bind(self, layout: Optional[LayoutConfig] = None, num_coords: Optional[int] = None) -> SkeletonAugmentation:
        """Set the layout of the joints (a layout that was given before stays) and how many channels are coordinates."""
        if layout is not None and self.layout is None:
            self.layout = SkeletonLayout.from_config(layout)
        if num_coords is not None:
            self.num_coords = num_coords
        return self

    def fuse(self, view: View, maps: Sequence[Any]) -> View:  # type: ignore[override]
        require_maps(maps, get_args(ops.Map))
        index, valid = follow_frames(maps, view.data, view.index, view.valid)
        return View(ops.augment(view.data, view.present, maps), view.present, valid, index)

    def frames_out(self, frames: int) -> int:
        """Number of frames afterwards of a clip of ``frames`` frames."""
        return frames

    def out_like(self, x: Tensor) -> Tensor:
        return x[:, :, :1].expand(-1, -1, self.frames_out(x.shape[2]), -1, -1)

    def _known_layout(self) -> SkeletonLayout:
        if self.layout is None:
            raise LayoutError(
                f"{type(self).__name__} does not know the joints; give it layout='ntu25' or call bind('ntu25')"
            )
        return self.layout


@TRANSFORMS.register_module()
class AugmentSkeleton(BaseTransform):
    """Batched augmentations for one clip on the CPU, in a dataset's pipeline.

    Changes ``keypoint (M, T, V, C)``; reads ``person_mask (M,)``, ``layout`` and ``rng``.

    Args:
        transforms: Configs of batched augmentations.
        num_coords: The first channels that are coordinates.

    Raises:
        ConfigError: A transform that is no batched augmentation of skeletons.
    """

    def __init__(self, transforms: Sequence[Mapping], num_coords: int = 3) -> None:
        self.sequence = AugmentationSequence(transforms)
        for i, part in enumerate(self.sequence.transforms):
            problem = wrong_augmentation(type(part), part.modality, SkeletonAugmentation.modality)
            if problem:
                raise ConfigError(f"AugmentSkeleton: transforms.{i}: {problem}")
        self.sequence.bind(num_coords=num_coords)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        self.sequence.bind(results.get("layout"))
        generator = torch.Generator().manual_seed(int(results["rng"].integers(2**62)))
        mask = results.get("person_mask")
        view = View(torch.from_numpy(results["keypoint"])[None], None if mask is None else torch.from_numpy(mask)[None])
        results["keypoint"] = self.sequence(view, generator).data[0].numpy()
        return results
