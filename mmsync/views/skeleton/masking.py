"""Augmentations that set coordinates or joints of skeletons to zero."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from mmsync.errors import ConfigError
from mmsync.ops import skeleton_augment as ops
from mmsync.registry import TRANSFORMS
from mmsync.views.augmentation import Draws, where_applied
from mmsync.views.skeleton.augmentation import SkeletonAugmentation


@TRANSFORMS.register_module()
class AxisMask(SkeletonAugmentation):
    """Set one random axis of a clip ``(M, T, V, C)`` to zero (Guo et al., AimCLR, 2022).

    Args:
        prob: Probability per clip.
    """

    def __init__(self, prob: float = 0.5) -> None:
        super().__init__(prob)

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        return {"axis": torch.randint(0, self.num_coords, (len(x),), generator=generator, device=x.device)}

    def maps(self, x: Tensor, draws: Draws) -> list[ops.Map]:
        axis = draws["axis"][:, None]
        keep = (axis != torch.arange(self.num_coords, device=axis.device)).float()
        return [ops.PointMap(where_applied(draws, keep, 1.0))]


@TRANSFORMS.register_module()
class JointMask(SkeletonAugmentation):
    """Set random joints of a clip ``(M, T, V, C)`` to zero.

    Args:
        ratio: Share of the joints, in [0, 1); ``floor(ratio * V)`` joints, drawn without replacement.
        per_frame: Other joints in each frame.
        prob: Probability per clip.
    """

    def __init__(self, ratio: float = 0.1, per_frame: bool = False, prob: float = 1.0) -> None:
        super().__init__(prob)
        if not 0 <= ratio < 1:
            raise ConfigError(f"JointMask: ratio={ratio}; give a share in [0, 1)")
        self.ratio, self.per_frame = ratio, per_frame

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        frames, joints = x.shape[2:4]
        order = torch.rand(len(x), frames if self.per_frame else 1, joints, generator=generator, device=x.device)
        masked = order.argsort(dim=2)[..., : int(self.ratio * joints)]
        return {"keep": torch.ones_like(order, dtype=torch.bool).scatter_(2, masked, False)}

    def maps(self, x: Tensor, draws: Draws) -> list[ops.Map]:
        return [ops.JointKeep(where_applied(draws, draws["keep"], True))]
