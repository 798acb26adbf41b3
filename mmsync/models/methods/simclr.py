"""SimCLR (Chen et al., 2020, A Simple Framework for Contrastive Learning of Visual Representations)."""

from __future__ import annotations

from torch import Tensor

from mmsync.models.methods.base import Samples, TwoViewMethod, Views, embedding_log
from mmsync.registry import LOSSES, MODELS, OptConfig, OptPart, Part


@MODELS.register_module()
class SimCLR(TwoViewMethod):
    """SimCLR: contrast of two views within the batch of all ranks.

    With the cosine ``s`` of embeddings, for view ``i`` of a clip and its other view ``j`` (eq. 1), the mean over the
    2N views of::

        l(i, j) = -log exp(s_ij / tau) / sum_{k != i} exp(s_ik / tau)

    Args:
        encoder: Config of the encoder, with a projector.
        data_preprocessor: Config of the preprocessor that makes the views ``first`` and ``second``.
        loss: Config of a loss of two embeddings; ``None``: NT-Xent with tau = 0.1.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A number out of range.
    """

    def __init__(
        self, encoder: Part, data_preprocessor: OptPart = None, loss: OptPart = None, init_cfg: OptConfig = None
    ) -> None:
        super().__init__(encoder, data_preprocessor, init_cfg)
        self.criterion = LOSSES.build(loss or dict(type="NTXentLoss", temperature=0.1))

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute NT-Xent of the views, ``loss_contrast``."""
        first, second = self.embed(views)
        return {"loss_contrast": self.criterion(first, second), **embedding_log(first, second)}
