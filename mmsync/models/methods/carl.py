"""CARL (Chen et al., 2022, Frame-wise Action Representations for Long Videos via Sequence Contrastive Learning)."""

from __future__ import annotations

from torch import Tensor

from mmsync.models.methods.base import Samples, Views
from mmsync.models.methods.sequence import SequenceModel
from mmsync.registry import LOSSES, MODELS, OptConfig, OptPart, Part


@MODELS.register_module()
class CARL(SequenceModel):
    """CARL: the similarities of a frame to those of another view follow a Gaussian of their distance in time (eq. 3).

    Args:
        encoder: Config of the encoder of frames, ``CARLTransformerHead`` with a projector.
        loss: Config of the loss; ``None``: ``SequenceContrastLoss``.
        data_preprocessor: Config of the preprocessor that makes the views ``first (N, T1, ...)`` and
            ``second (N, T2, ...)``.
        init_cfg: MMEngine's initialization config.
    """

    def __init__(
        self, encoder: Part, loss: OptConfig = None, data_preprocessor: OptPart = None, init_cfg: OptConfig = None
    ) -> None:
        super().__init__(encoder, data_preprocessor, init_cfg)
        self.criterion = LOSSES.build(loss or dict(type="SequenceContrastLoss"))

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_carl``."""
        first, second = (self.frames(views[name], data_samples) for name in ("first", "second"))
        loss = self.criterion(first.data, second.data, first.index, second.index, first.valid, second.valid)
        return {"loss_carl": loss}
