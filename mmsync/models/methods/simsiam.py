"""SimSiam (Chen and He, 2021, Exploring Simple Siamese Representation Learning)."""

from __future__ import annotations

from torch import Tensor

from mmsync.models.losses.cosine import NegativeCosineLoss
from mmsync.models.methods.base import Samples, TwoViewMethod, Views, embedding_log
from mmsync.models.necks.projector import build_predictor
from mmsync.registry import MODELS, OptConfig, OptPart, Part


@MODELS.register_module()
class SimSiam(TwoViewMethod):
    """SimSiam: predict the other view's embedding, without its gradient, negatives or momentum.

    With embeddings ``z`` and predictions ``p = h(z)`` (eqs. 1 to 4)::

        loss = -(cos(p_1, stopgrad(z_2)) + cos(p_2, stopgrad(z_1))) / 2

    Args:
        encoder: Config of the encoder, with a projector.
        data_preprocessor: Config of the preprocessor that makes the views ``first`` and ``second``.
        predictor: Config of h; its widths are filled in. ``None``: two layers with batch normalization, the
            hidden one a quarter as wide as the embedding.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A predictor of another width.
    """

    def __init__(
        self, encoder: Part, data_preprocessor: OptPart = None, predictor: OptPart = None, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(encoder, data_preprocessor, init_cfg)
        channels = self.encoder.out_channels
        self.predictor = build_predictor(predictor, channels, hidden_channels=max(channels // 4, 1))
        self.criterion = NegativeCosineLoss()

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute the negative cosine of predictions and embeddings, ``loss_simsiam`` in [-1, 1]."""
        first, second = self.embed(views)
        loss = (self.criterion(self.predictor(first), second) + self.criterion(self.predictor(second), first)) / 2
        return {"loss_simsiam": loss, **embedding_log(first, second)}
