"""VAVA (Liu et al., 2022, Learning to Align Sequential Actions in the Wild)."""

from __future__ import annotations

import torch
from torch import Tensor

from mmsync.models.methods.base import Samples, Views
from mmsync.models.methods.sequence import SequenceModel
from mmsync.registry import LOSSES, MODELS, OptConfig, OptPart, Part
from mmsync.structures import same_activity_pairs


@MODELS.register_module()
class VAVA(SequenceModel):
    """VAVA: optimal transport aligns pairs of videos, with priors that move from the diagonal to the best matches.

    Args:
        encoder: Config of the encoder of frames.
        loss: Config of the loss; ``None``: ``SinkhornPriorLoss``.
        data_preprocessor: Config of the preprocessor that makes the view ``clip (N, T, ...)``.
        init_cfg: MMEngine's initialization config.
    """

    views_needed = ("clip",)
    least_batch = 2
    step: Tensor

    def __init__(
        self, encoder: Part, loss: OptConfig = None, data_preprocessor: OptPart = None, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(encoder, data_preprocessor, init_cfg)
        self.criterion = LOSSES.build(loss or dict(type="SinkhornPriorLoss"))
        self.register_buffer("step", torch.tensor(0))

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_vava``; counts a step, by which the priors move."""
        first, second = same_activity_pairs(self.frames(views["clip"], data_samples))
        loss = self.criterion(first.data, second.data, first.valid, second.valid, int(self.step))
        self.step += 1
        return {"loss_vava": loss}
