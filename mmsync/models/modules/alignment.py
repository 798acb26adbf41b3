"""Attention within and between sequences of frames, of which some are padding (Kwon et al., 2022, CASA; LoFTR)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Optional

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.ops.attention import Kind, add_positions, attention, default_heads
from mmsync.ops.frames import FrameGrid
from mmsync.registry import MODELS, OptConfig


class ContextLayer(nn.Module):
    """Attention of a sequence to itself or to another, then an MLP of both: a residual ``(B, L, D)`` (LoFTR; CASA).

    Cost: ``12 L D^2`` multiplications and ``2 S D^2`` of keys and values, of valid frames alone; attention ``2 (L + S)
    D^2 / H`` if linear, ``2 L S D`` if softmax. Weights are drawn as Xavier's; names are those of CASA's checkpoints.
    """

    def __init__(self, channels: int, num_heads: int, kind: Kind = "linear") -> None:
        super().__init__()
        self.num_heads, self.kind = num_heads, kind
        self.q_proj, self.k_proj, self.v_proj, self.merge = (nn.Linear(channels, channels, bias=False) for _ in "qkvm")
        wide = 2 * channels
        self.mlp = nn.Sequential(nn.Linear(wide, wide, bias=False), nn.ReLU(), nn.Linear(wide, channels, bias=False))
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        for weight in self.parameters():
            if weight.dim() > 1:
                nn.init.xavier_uniform_(weight)

    def forward(self, x: Tensor, source: Tensor, grid: FrameGrid, source_grid: FrameGrid) -> Tensor:
        """Let frames ``x (R, D)`` of B sequences attend to frames ``source (Q, D)``; the grids say whose they are."""
        query, key, value = self.q_proj(x), self.k_proj(source), self.v_proj(source)
        padded = (grid.pad(query), source_grid.pad(key), source_grid.pad(value))
        found = grid.rows(attention(*padded, self.num_heads, self.kind, source_grid.valid))
        message = self.norm1(self.merge(found))
        return x + self.norm2(self.mlp(torch.cat([x, message], 1)))


def context_layers(name: str, channels: int, num: int, num_heads: Optional[int], kind: Kind) -> nn.ModuleList:
    """Build layers of a component, or raise a ConfigError that names it."""
    heads = default_heads(channels) if num_heads is None else num_heads
    if num < 1 or heads < 1 or channels % heads or kind not in ("linear", "softmax"):
        wanted = "give 1 or more layers, a divisor of the width, and 'linear' or 'softmax'"
        raise ConfigError(f"{name}: {num} layers of width {channels}, num_heads={heads}, attention={kind!r}; {wanted}")
    return nn.ModuleList(ContextLayer(channels, heads, kind) for _ in range(num))


@MODELS.register_module()
class CrossContext(BaseModule):
    """Alternating attention within and between two sequences, ``(B, L, D)`` and ``(B, S, D)`` (CASA; MASA).

    A layer is shared by both sequences. In a ``'cross'`` layer the first sequence attends to the second, then the
    second to what the first has become, so the two results depend on the order. With linear attention, time and memory
    are linear in L and S.

    Args:
        channels: D; a method fills in the width of its encoder.
        layers: ``'self'`` or ``'cross'`` for each layer; MASA has four, CASA eight.
        num_heads: A divisor of D; ``None``: see :func:`default_heads`.
        attention: ``'linear'``, or ``'softmax'``.
        position: Whether to add sinusoidal positions in the view; the input is then scaled by the root of D, made even.
        mask: Whether frames attend to valid frames only; False as in CASA's code, where padding counts.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: No ``channels``, another kind of layer or attention, or heads that do not divide D.
    """

    def __init__(
        self, channels: Optional[int] = None,
        layers: Sequence[Literal["self", "cross"]] = ("self", "cross", "self", "cross"),
        num_heads: Optional[int] = None, attention: Literal["linear", "softmax"] = "linear", position: bool = True,
        mask: bool = True, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(init_cfg)
        if channels is None:
            raise ConfigError("CrossContext needs channels, the width of the frames")
        if set(layers) - {"self", "cross"}:
            raise ConfigError(f"CrossContext: layers={list(layers)}; a layer is 'self' or 'cross'")
        self.out_channels, self.position, self.mask = channels, position, mask
        self.kinds = tuple(layers)
        self.layers = context_layers("CrossContext", channels, len(layers), num_heads, attention)

    def forward(
        self, x1: Tensor, valid1: Optional[Tensor], x2: Tensor, valid2: Optional[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Put two sequences in the context of each other.

        Args:
            x1: ``(B, L, D)``.
            valid1: ``(B, L)`` bool, frames that are no padding; ``None``: all.
            x2: ``(B, S, D)``.
            valid2: ``(B, S)`` bool.

        Returns:
            tuple: ``(B, L, D)`` and ``(B, S, D)``, zero at padded frames.
        """
        if not self.mask:
            valid1 = valid2 = None
        if self.position:
            x1, x2 = add_positions(x1), add_positions(x2)
        grid1, grid2 = (FrameGrid.of(x, valid) for x, valid in ((x1, valid1), (x2, valid2)))
        x1, x2 = grid1.rows(x1), grid2.rows(x2)
        for kind, layer in zip(self.kinds, self.layers):
            if kind == "self":
                x1, x2 = layer(x1, x1, grid1, grid1), layer(x2, x2, grid2, grid2)
            else:
                x1 = layer(x1, x2, grid1, grid2)
                x2 = layer(x2, x1, grid2, grid1)
        return grid1.pad(x1), grid2.pad(x2)
