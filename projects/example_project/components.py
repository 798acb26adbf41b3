"""A backbone and a method, known to mmsync by ``custom_imports`` alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Optional, Union

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.config import Range
from mmsync.models.backbones import SkeletonBackbone
from mmsync.models.methods import SelfSupervisedModel
from mmsync.ops.dist import all_gather, rank
from mmsync.registry import BACKBONES, MODELS
from mmsync.structures import MotionSample, SkeletonLayout, View


@BACKBONES.register_module()
class FrameNet(SkeletonBackbone):
    """Temporal convolutions over whole frames, ``(P, T, V, C)`` to ``(P, D, T', 1)``.

    Args:
        layout: Name or config of the skeleton layout.
        in_channels: C.
        width: D.
        kernel: Frames that a convolution sees, odd.
        init_cfg: MMEngine's initialization config.
    """

    def __init__(
        self,
        layout: Union[str, dict, SkeletonLayout] = "ntu25",
        in_channels: int = 3,
        width: Annotated[int, Range(1)] = 128,
        kernel: int = 5,
        init_cfg: Optional[dict] = None,
    ) -> None:
        super().__init__(layout, in_channels, width, init_cfg)
        self.layers = nn.Sequential(
            nn.BatchNorm1d(self.layout.num_joints * in_channels),
            nn.Conv1d(self.layout.num_joints * in_channels, width, kernel, stride=2, padding=kernel // 2),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
            nn.Conv1d(width, width, kernel, stride=2, padding=kernel // 2),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
        )

    def forward_rows(self, x: Tensor) -> Tensor:
        """``(P, T, V, C)`` to ``(P, D, T', 1)``."""
        self.check_input(x)
        return self.layers(x.flatten(2).transpose(1, 2)).unsqueeze(-1)


@MODELS.register_module()
class PairContrast(SelfSupervisedModel):
    """SimCLR (Chen et al., 2020, A Simple Framework for Contrastive Learning): two views, negatives from the batch.

    Args:
        encoder: Config of the encoder, with a projector.
        data_preprocessor: Makes the views ``first`` and ``second``, each ``(N, M, T, V, C)``.
        temperature: tau, above 0.
        init_cfg: MMEngine's initialization config.
    """

    views_needed = ("first", "second")

    def __init__(
        self,
        encoder: dict,
        data_preprocessor: Optional[dict] = None,
        temperature: Annotated[float, Range(0, open_low=True)] = 0.1,
        init_cfg: Optional[dict] = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.encoder = MODELS.build(encoder)
        self.temperature = temperature

    def loss(self, views: dict[str, View], data_samples: Optional[Sequence[MotionSample]] = None) -> dict[str, Tensor]:
        """Cross entropy of the cosine similarities over tau, in both directions (their equation 1 without own view)."""
        first, second = (F.normalize(self.encoder(views[name]), dim=1) for name in self.views_needed)
        target = torch.arange(len(first), device=first.device) + rank() * len(first)
        loss = first.new_zeros(())
        for query, key in ((first, second), (second, first)):
            logits = query @ all_gather(key, with_grad=True).t() / self.temperature
            loss = loss + F.cross_entropy(logits, target) / 2
        return {"loss_pair": loss}
