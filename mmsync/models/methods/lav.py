"""LAV (Haresh et al., 2021, Learning by Aligning Videos in Time)."""

from __future__ import annotations

from torch import Tensor

from mmsync.errors import ConfigError
from mmsync.models.methods.base import Samples, Views
from mmsync.models.methods.sequence import SequenceModel
from mmsync.registry import LOSSES, MODELS, OptConfig, OptPart, Part
from mmsync.structures import same_activity_pairs


@MODELS.register_module()
class LAV(SequenceModel):
    """LAV: soft-DTW aligns pairs of videos of one activity, contrastive-IDM keeps their frames apart (eq. 7).

    Args:
        encoder: Config of the encoder of frames.
        alignment_loss: Config of the loss of pairs; ``None``: ``SoftDTWLoss``.
        idm_loss: Config of the loss of each video; ``None``: ``ContrastiveIDM``.
        weight: Of the second loss, for each video of a pair, 0 or more.
        data_preprocessor: Config of the preprocessor that makes the view ``clip (N, T, ...)``.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A negative weight.
    """

    views_needed = ("clip",)
    least_batch = 2

    def __init__(
        self, encoder: Part, alignment_loss: OptConfig = None, idm_loss: OptConfig = None, weight: float = 0.5,
        data_preprocessor: OptPart = None, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(encoder, data_preprocessor, init_cfg)
        if not weight >= 0:
            raise ConfigError(f"LAV: weight={weight}: give 0 or more; 0.5 is usual")
        self.alignment = LOSSES.build(alignment_loss or dict(type="SoftDTWLoss"))
        self.idm = LOSSES.build(idm_loss or dict(type="ContrastiveIDM"))
        self.weight = weight

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_alignment``, which may be negative, and ``loss_idm`` of both videos of a pair."""
        frames = self.frames(views["clip"], data_samples)
        first, second = same_activity_pairs(frames)
        idm = self.idm(frames.data, frames.index, frames.length, frames.valid)
        return {
            "loss_alignment": self.alignment(first.data, second.data, first.valid, second.valid),
            "loss_idm": 2 * self.weight * idm,
        }
