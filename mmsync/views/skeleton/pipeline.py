"""Batched augmentations in the pipeline of a data set, on single clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmcv.transforms import BaseTransform

from mmsync.registry import TRANSFORMS
from mmsync.structures import View
from mmsync.views.augmentation import AugmentationSequence


@TRANSFORMS.register_module()
class AugmentSkeleton(BaseTransform):
    """Batched augmentations for one clip on the CPU, in a dataset's pipeline.

    Changes ``keypoint (M, T, V, C)``; reads ``person_mask (M,)``, ``layout`` and ``rng``.

    Args:
        transforms: Configs of batched augmentations.
        num_coords: The first channels that are coordinates.
    """

    def __init__(self, transforms: Sequence[Mapping], num_coords: int = 3) -> None:
        self.sequence = AugmentationSequence(transforms).bind(num_coords=num_coords)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        self.sequence.bind(results.get("layout"))
        generator = torch.Generator().manual_seed(int(results["rng"].integers(2**62)))
        mask = results.get("person_mask")
        view = View(torch.from_numpy(results["keypoint"])[None], None if mask is None else torch.from_numpy(mask)[None])
        results["keypoint"] = self.sequence(view, generator).data[0].numpy()
        return results
