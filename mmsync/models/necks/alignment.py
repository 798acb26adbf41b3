"""Necks of methods that align sequences: embeddings of frames in, embeddings of frames out."""

from __future__ import annotations

from typing import Literal, Optional

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.modules.alignment import context_layers
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.models.necks.projector import MLPProjector
from mmsync.ops.frames import FrameGrid
from mmsync.registry import NECKS, OptConfig


@NECKS.register_module()
class AlignProjector(MLPProjector):
    """MASA's projection head of valid frames, ``(R, D) -> (R, out_channels)``: SimSiam's projector, with four layers.

    Linear layers without bias, each with batch norm and, but for the last, ReLU. The last norm has no weights.

    Args:
        in_channels: D; the encoder or the method fills it in.
        out_channels: Width of the embedding; ``None`` is D, also the width of the hidden layers.
        num_layers: Linear layers.
        norm: Whether to batch-normalize the hidden layers.
        norm_last: Whether to batch-normalize the embedding.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: No ``in_channels``, or no layer.
    """

    def __init__(
        self, in_channels: Optional[int] = None, out_channels: Optional[int] = None, num_layers: int = 4,
        norm: bool = True, norm_last: bool = True, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        out = out_channels or in_channels or 0
        super().__init__(in_channels, out, None, num_layers, norm, norm_last, init_cfg=init_cfg)
        if norm_last:
            self.layers[-1] = BatchNorm(out, affine=False)


@NECKS.register_module()
class ClipClusterPredictor(BaseModule):
    """MASA's predictor H of eq. 7: self-attention among the frames of a clip, without positions, ``(B, T, D)``.

    Args:
        in_channels: D; the method fills it in.
        num_layers: Layers, see :class:`~mmsync.models.modules.alignment.ContextLayer`.
        num_heads: A divisor of D; ``None``: see :func:`~mmsync.ops.attention.default_heads`.
        attention: ``'linear'``, or ``'softmax'``.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: No ``in_channels``, no layer, another attention, or heads that do not divide D.
    """

    def __init__(
        self, in_channels: Optional[int] = None, num_layers: int = 2, num_heads: Optional[int] = None,
        attention: Literal["linear", "softmax"] = "linear", init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(init_cfg)
        if in_channels is None:
            raise ConfigError("ClipClusterPredictor needs in_channels, the width of the embeddings")
        self.out_channels = in_channels
        self.layers = context_layers("ClipClusterPredictor", in_channels, num_layers, num_heads, attention)

    def forward(self, x: Tensor, valid: Optional[Tensor] = None) -> Tensor:
        """Predict ``(B, T, D)`` from embeddings ``(B, T, D)`` whose ``valid (B, T)`` frames are attended to."""
        grid = FrameGrid.of(x, valid)
        rows = grid.rows(x)
        for layer in self.layers:
            rows = layer(rows, rows, grid, grid)
        return grid.pad(rows)


@NECKS.register_module()
class MultiHeadNeck(BaseModule):
    """Mean of K perceptrons, weighted by a softmax of the frame itself, ``(N, D) -> (N, out_channels)`` (GTCC).

    A perceptron has two layers with a ReLU between. Which of them serves an activity is learned, so nobody has to name
    the activity of a frame. Cost: ``K H (D + out_channels)`` multiplications, in two matrix products.

    Args:
        in_channels: D; the encoder fills it in.
        out_channels: Width of the embedding.
        num_heads: K, as a rule the number of activities.
        hidden_channels: H of each perceptron; ``None`` is D.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: No ``in_channels``, or no head.
    """

    def __init__(
        self, in_channels: Optional[int] = None, out_channels: int = 128, num_heads: int = 13,
        hidden_channels: Optional[int] = None, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(init_cfg)
        if in_channels is None or num_heads < 1:
            raise ConfigError(f"MultiHeadNeck: {in_channels=}, {num_heads=}; give a width, and 1 or more heads")
        self.out_channels, self.num_heads = out_channels, num_heads
        hidden = hidden_channels or in_channels
        self.gate = nn.Linear(in_channels, num_heads)
        self.fc1 = nn.Linear(in_channels, num_heads * hidden)
        self.fc2 = nn.Linear(num_heads * hidden, out_channels, bias=False)
        self.bias = nn.Linear(num_heads, out_channels, bias=False)  # column k is the bias of head k
        for weight in (self.fc2.weight, self.bias.weight):  # as those of K layers of width H
            nn.init.uniform_(weight, -(hidden**-0.5), hidden**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Embed ``(N, in_channels)`` as ``(N, out_channels)``."""
        gate = self.gate(x).softmax(-1)
        hidden = self.fc1(x).relu().unflatten(-1, (self.num_heads, -1)) * gate.unsqueeze(-1)
        return self.fc2(hidden.flatten(-2)) + self.bias(gate)
