"""Hiding a limb: an augmentation by the contract of `draw` and `apply` alone."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from mmsync.registry import TRANSFORMS
from mmsync.structures import View
from mmsync.views import SkeletonAugmentation


@TRANSFORMS.register_module()
class LimbMask(SkeletonAugmentation):
    """Set an arm or a leg of a clip ``(M, T, V, C)`` to zero, as if it were out of sight.

    Args:
        prob: Probability per clip.
    """

    def __init__(self, prob: float = 0.5) -> None:
        super().__init__(prob)

    def parameters(self, x: Tensor, generator: Generator) -> dict[str, Tensor]:
        """``limb (N,)``, 0 to 3, of clips ``x (N, M, T, V, C)``; `draw` adds which clips are augmented."""
        return {"limb": torch.randint(0, 4, (len(x),), generator=generator, device=x.device)}

    def apply(self, view: View, draws: dict[str, Tensor]) -> View:
        """Augment a view; its `present`, `valid` and `index` stay, because frames and persons do."""
        joints = torch.arange(view.data.shape[3], device=view.data.device)
        limbs = self.layout.body_parts[1:]  # after the trunk: left arm, right arm, left leg, right leg
        hidden = torch.stack([torch.isin(joints, joints.new_tensor(limb)) for limb in limbs])  # (4, V)
        keep = ~hidden[draws["limb"]][:, None, None, :, None]
        return view._replace(data=view.data * keep)
