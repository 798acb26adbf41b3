"""Projection necks: pooled features to the embeddings that losses compare."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Optional

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.registry import NECKS, OptConfig, OptPart


@NECKS.register_module()
class MLPProjector(BaseModule):
    """Multi-layer perceptron with ReLU, ``(N, D) -> (N, out_channels)`` (Chen et al., 2020, MoCo v2).

    Args:
        in_channels: D; the encoder fills it in from its backbone.
        out_channels: Width of the embedding.
        hidden_channels: Width of the hidden layers; ``None`` is ``in_channels``.
        num_layers: Linear layers; 1 is a plain linear projection.
        norm: Whether to batch-normalize the hidden layers.
        norm_last: Whether to batch-normalize the embedding, as SimSiam does (Chen and He, 2021).
        dropout: Probability in [0, 1) after each ReLU.
        init_cfg: MMEngine's initialization config.
    """

    def __init__(
        self, in_channels: Optional[int] = None, out_channels: int = 128, hidden_channels: Optional[int] = None,
        num_layers: int = 2, norm: bool = False, norm_last: bool = False, dropout: float = 0.0,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(init_cfg)
        if in_channels is None or num_layers < 1:
            name = type(self).__name__
            raise ConfigError(f"{name} needs in_channels and num_layers >= 1, got {in_channels} and {num_layers}")
        if not 0 <= dropout < 1:
            raise ConfigError(f"MLPProjector: dropout={dropout} is not a probability in [0, 1)")
        self.out_channels = out_channels
        hidden = hidden_channels or in_channels
        widths = [in_channels] + [hidden] * (num_layers - 1)
        layers: list[nn.Module] = []
        for a, b in zip(widths, widths[1:]):
            layers += [nn.Linear(a, b, bias=not norm), *([BatchNorm(b)] if norm else []), nn.ReLU(inplace=True)]
            layers += [nn.Dropout(dropout)] if dropout else []
        layers.append(nn.Linear(widths[-1], out_channels, bias=not norm_last))
        self.layers = nn.Sequential(*layers, *([BatchNorm(out_channels)] if norm_last else []))

    def forward(self, x: Tensor) -> Tensor:
        """Project ``(N, in_channels)`` to ``(N, out_channels)``."""
        return self.layers(x)


def build_predictor(config: OptPart, channels: int, hidden_channels: int) -> nn.Module:
    """Build a predictor ``(N, D) -> (N, D)`` (Grill et al., 2020; Chen and He, 2021), or raise a ConfigError."""
    shape = dict(in_channels=channels, out_channels=channels, hidden_channels=hidden_channels)
    kind = NECKS.get(config["type"]) if isinstance(config, Mapping) else None
    if kind is not None:
        lacking = [name for name in shape if name not in inspect.signature(kind).parameters]
        if lacking:
            text = f"{kind.__name__} takes no {' and no '.join(lacking)}; give one of rows (N, D), as MLPProjector"
            raise ConfigError(f"model.predictor: {text}")
    predictor = NECKS.build(config or dict(type="MLPProjector", norm=True), default_args=shape)
    width = getattr(predictor, "out_channels", channels)
    if width != channels:
        raise ConfigError(f"model.predictor.out_channels={width}: embeddings have width {channels}; omit it")
    return predictor
