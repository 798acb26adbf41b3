"""Base class and helpers of methods that treat two views alike."""

from __future__ import annotations

from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.losses.cosine import row_cosine
from mmsync.models.methods.base import SelfSupervisedModel, Views
from mmsync.registry import MODELS, NECKS


class TwoViewMethod(SelfSupervisedModel):
    """Base of methods on the views ``first`` and ``second``; a subclass writes ``loss``.

    Args:
        encoder: Config of the encoder, with a projector.
        data_preprocessor: Config of the preprocessor that makes the views ``first`` and ``second``.
        init_cfg: MMEngine's initialisation config.
    """

    views_needed = ("first", "second")

    def __init__(
        self, encoder: dict, data_preprocessor: Optional[dict] = None, init_cfg: Optional[dict] = None
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.encoder = MODELS.build(encoder)

    def embed(self, views: Views) -> tuple[Tensor, Tensor]:
        """Embed the first and the second view, ``(N, D)`` each, in separate forward passes."""
        return self.encoder(views["first"]), self.encoder(views["second"])


def build_predictor(config: Optional[dict], channels: int, hidden_channels: int) -> nn.Module:
    """Build a predictor, from embeddings ``(N, D)`` to embeddings ``(N, D)``.

    Args:
        config: Config of a projection neck; ``None``: two layers with batch normalisation.
        channels: D.
        hidden_channels: Default width of the hidden layer.

    Raises:
        ConfigError: The configured width is not the encoder's.
    """
    shape = dict(in_channels=channels, out_channels=channels, hidden_channels=hidden_channels)
    predictor = NECKS.build({**shape, **(config or dict(type="MLPProjector", norm=True))})
    if predictor.out_channels != channels:
        raise ConfigError(
            f"model.predictor.out_channels={predictor.out_channels}: it predicts embeddings of width {channels}; "
            "omit out_channels"
        )
    return predictor


@torch.no_grad()
def embedding_log(first: Tensor, second: Tensor) -> dict[str, Tensor]:
    """Statistics for the log that reveal a collapse.

    Args:
        first: ``(N, D)`` embeddings of one view.
        second: ``(N, D)`` embeddings of the other.

    Returns:
        dict: ``pos_sim``, the mean cosine of the views of a clip; ``embedding_std``, the mean standard
        deviation of the unit embeddings' dimensions over this rank's clips, times ``sqrt(D)``: 1 if they spread evenly,
        0 if all are equal.
    """
    unit = F.normalize(first.float(), dim=1)
    std = unit.std(0, unbiased=False).mean() * unit.shape[1] ** 0.5
    return {"pos_sim": row_cosine(first, second).mean(), "embedding_std": std}
