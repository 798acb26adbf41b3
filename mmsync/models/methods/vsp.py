"""VSP (Zhang et al., 2023, Modeling Video as Stochastic Processes for Fine-Grained Video Representation Learning)."""

from __future__ import annotations

from torch import Tensor

from mmsync.models.methods.base import Samples, Views
from mmsync.models.methods.sequence import SequenceModel
from mmsync.registry import LOSSES, MODELS, OptConfig, OptPart, Part


@MODELS.register_module()
class VSP(SequenceModel):
    """VSP: the embeddings of a video are a Brownian bridge between any two of its frames.

    Args:
        encoder: Config of the encoder of frames.
        loss: Config of the loss; ``None``: ``BrownianBridgeLoss``.
        data_preprocessor: Config of the preprocessor that makes the view ``clip (N, T, ...)``.
        init_cfg: MMEngine's initialization config.
    """

    views_needed = ("clip",)
    least_batch = 2

    def __init__(
        self, encoder: Part, loss: OptConfig = None, data_preprocessor: OptPart = None, init_cfg: OptConfig = None
    ) -> None:
        super().__init__(encoder, data_preprocessor, init_cfg)
        self.criterion = LOSSES.build(loss or dict(type="BrownianBridgeLoss"))

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_vsp``."""
        frames = self.frames(views["clip"], data_samples)
        return {"loss_vsp": self.criterion(frames.data, frames.index, frames.valid)}
