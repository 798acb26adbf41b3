"""What methods share that treat two views alike."""

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
        data_preprocessor: Makes the views ``first`` and ``second``.
        init_cfg: MMEngine's initialisation config.
    """

    views_needed = ("first", "second")

    def __init__(
        self, encoder: dict, data_preprocessor: Optional[dict] = None, init_cfg: Optional[dict] = None
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.encoder = MODELS.build(encoder)

    def embed(self, views: Views) -> tuple[Tensor, Tensor]:
        """Embeddings ``(N, D)`` of the first and of the second view, each in a pass of its own."""
        return self.encoder(views["first"]), self.encoder(views["second"])


def build_predictor(config: Optional[dict], channels: int, hidden_channels: int) -> nn.Module:
    """The perceptron on one side only, from embeddings ``(N, D)`` to embeddings ``(N, D)``.

    Args:
        config: Of a projection neck; ``None``: two layers, batch-normalised.
        channels: D.
        hidden_channels: Of the hidden layer, if the config does not tell.

    Raises:
        ConfigError: The config gives another width than the encoder's.
    """
    shape = dict(in_channels=channels, out_channels=channels, hidden_channels=hidden_channels)
    predictor = NECKS.build({**shape, **(config or dict(type="MLPProjector", norm=True))})
    if predictor.out_channels != channels:
        raise ConfigError(
            f"model.predictor.out_channels={predictor.out_channels}: it predicts embeddings of width {channels}; "
            "leave out_channels away"
        )
    return predictor


@torch.no_grad()
def embedding_log(first: Tensor, second: Tensor) -> dict[str, Tensor]:
    """What shows a collapse, for the log.

    Args:
        first: ``(N, D)`` embeddings of one view.
        second: ``(N, D)`` of the other.

    Returns:
        dict: ``pos_sim``, the mean cosine of the views of a clip; ``embedding_std``, the mean deviation of the unit
        embeddings' dimensions over this rank's clips times ``sqrt(D)``: 1 if spread evenly, 0 if all are one.
    """
    unit = F.normalize(first.float(), dim=1)
    std = unit.std(0, unbiased=False).mean() * unit.shape[1] ** 0.5
    return {"pos_sim": row_cosine(first, second).mean(), "embedding_std": std}
