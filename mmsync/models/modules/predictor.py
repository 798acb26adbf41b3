"""The predictor on one side of a two-view method (Grill et al., 2020, BYOL; Chen and He, 2021, SimSiam)."""

from __future__ import annotations

from torch import nn

from mmsync.errors import ConfigError
from mmsync.registry import NECKS, OptConfig


def build_predictor(config: OptConfig, channels: int, hidden_channels: int) -> nn.Module:
    """Build a predictor, from embeddings ``(N, D)`` to embeddings ``(N, D)``.

    Args:
        config: Config of a projection neck; ``None``: two layers with batch normalisation.
        channels: D.
        hidden_channels: Default width of the hidden layer.

    Raises:
        ConfigError: The configured width is not D.
    """
    shape = dict(in_channels=channels, out_channels=channels, hidden_channels=hidden_channels)
    predictor = NECKS.build({**shape, **(config or dict(type="MLPProjector", norm=True))})
    if predictor.out_channels != channels:
        raise ConfigError(
            f"model.predictor.out_channels={predictor.out_channels}: embeddings have width {channels}; omit it"
        )
    return predictor
