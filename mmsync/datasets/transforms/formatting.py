"""From the results of a pipeline to a sample."""

from __future__ import annotations

from typing import Optional

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from mmsync.errors import ConfigError
from mmsync.registry import TRANSFORMS
from mmsync.structures import MotionSample, View


@TRANSFORMS.register_module()
class PackSkeleton(BaseTransform):
    """Pack a clip ``(M, T, V, C)``: tensors under ``inputs``, the rest in a :class:`MotionSample`.

    Args:
        num_persons: Persons ``M`` of every clip: absent ones are added as zeros, and if there are too many, those that
            are there go first. ``None`` leaves each clip as it is; the batch is then padded to its largest clip.
    """

    def __init__(self, num_persons: Optional[int] = None) -> None:
        if num_persons is not None and num_persons < 1:
            raise ConfigError(f"PackSkeleton: num_persons={num_persons}; give at least 1, or None")
        self.num_persons = num_persons

    def transform(self, results: dict) -> dict:
        keypoint, mask = results["keypoint"], results["person_mask"]
        if self.num_persons is not None and self.num_persons != len(mask):
            if len(mask) > self.num_persons:
                order = np.argsort(~mask, kind="stable")[: self.num_persons]
                keypoint, mask = keypoint[order], mask[order]
            else:
                missing = self.num_persons - len(mask)
                keypoint = np.pad(keypoint, ((0, missing), (0, 0), (0, 0), (0, 0)))
                mask = np.pad(mask, (0, missing))
        # a copy also when nothing was changed: the clip may be a read-only map
        keypoint = torch.from_numpy(np.array(keypoint, dtype=np.float32, order="C"))
        facts = {key: results[key] for key in ("name", "index", "role")}
        sample = MotionSample.quick(results["label"], {**results.get("attributes", {}), **facts})
        return {"inputs": {"skeleton": View(keypoint, torch.from_numpy(np.array(mask)))}, "data_samples": sample}
