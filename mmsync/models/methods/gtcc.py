"""GTCC (Donahue and Elhamifar, 2024, Learning to Predict Activity Progress by Self-Supervised Video Alignment)."""

from __future__ import annotations

from torch import Tensor

from mmsync.models.losses.mixture_cycle import MixtureCycleLoss
from mmsync.models.methods.base import Samples, Views
from mmsync.models.methods.sequence import SequenceModel
from mmsync.registry import LOSSES, MODELS, OptConfig, OptPart, Part
from mmsync.structures import same_activity_pairs


@MODELS.register_module()
class GTCC(SequenceModel):
    """GTCC: cycle consistency through several matches of a frame, or none, for videos that repeat and leave out steps.

    Its answer to several activities is the projector ``MultiHeadNeck`` of the encoder.

    Args:
        encoder: Config of the encoder of frames.
        loss: Config of the loss; its width is filled in. ``None``: ``MixtureCycleLoss``.
        data_preprocessor: Config of the preprocessor that makes the view ``clip (N, T, ...)``.
        init_cfg: MMEngine's initialization config.
    """

    views_needed = ("clip",)
    least_batch = 2
    criterion: MixtureCycleLoss

    def __init__(
        self, encoder: Part, loss: OptConfig = None, data_preprocessor: OptPart = None, init_cfg: OptConfig = None
    ) -> None:
        super().__init__(encoder, data_preprocessor, init_cfg)
        width = dict(dim=self.encoder.out_channels)
        self.criterion = LOSSES.build(loss or dict(type="MixtureCycleLoss"), default_args=width)

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_gtcc``."""
        first, second = same_activity_pairs(self.frames(views["clip"], data_samples))
        return {"loss_gtcc": self.criterion(first.data, second.data, first.valid, second.valid, self.epoch)}
