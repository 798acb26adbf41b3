"""Decoder of masked prediction: a transformer from visible tokens to predictions of hidden ones."""

from __future__ import annotations

from typing import Optional

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.modules.transformer import BlockSizes, TransformerBlock
from mmsync.ops.attention import time_embedding
from mmsync.registry import MODELS, OptConfig


@MODELS.register_module()
class TokenDecoder(BaseModule):
    """Predict hidden tokens from visible ones, ``(P, K, D_in)`` to ``(P, Q, D_out)`` (He et al., 2022, MAE, section 3).

    The visible tokens, projected, and a learned token in place of each hidden one get embeddings of joint and time and
    pass through transformer blocks. A method fills in the widths and the grid.

    Args:
        embed_dim: D of the blocks.
        depth: Number of blocks; MAMP has 3 for NTU 60 and 5 for NTU 120.
        num_heads: A divisor of D.
        mlp_ratio: Width of the MLPs over D.
        norm_eps: Epsilon of the layer norms.
        in_channels: D_in.
        out_channels: D_out.
        steps: T' for which there are time embeddings; grids of other lengths resample them.
        num_joints: Number of joints V.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A size is not positive, or ``num_heads`` does not divide ``embed_dim``.
    """

    def __init__(
        self, embed_dim: int = 256, depth: int = 3, num_heads: int = 8, mlp_ratio: float = 4.0, norm_eps: float = 1e-5,
        in_channels: int = 256, out_channels: int = 12, steps: int = 30, num_joints: int = 25,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(init_cfg)
        if min(embed_dim, depth, num_heads) < 1 or embed_dim % num_heads:
            given = f"embed_dim={embed_dim}, depth={depth}, num_heads={num_heads}"
            raise ConfigError(f"TokenDecoder: {given}; give at least 1, and num_heads that divide embed_dim")
        self.mask_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1, num_joints, embed_dim))
        self.temp_embed = nn.Parameter(torch.zeros(1, steps, 1, embed_dim))
        self.embed = nn.Linear(in_channels, embed_dim)
        sizes = BlockSizes(embed_dim, num_heads, mlp_ratio, True, 0.0, 0.0, norm_eps)
        self.blocks = nn.ModuleList(TransformerBlock(sizes, 0.0) for _ in range(depth))
        self.norm = nn.LayerNorm(embed_dim, eps=norm_eps)
        self.pred = nn.Linear(embed_dim, out_channels)
        for embedding in (self.mask_token, self.pos_embed, self.temp_embed):
            nn.init.trunc_normal_(embedding, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, seen: Tensor, keep: Tensor, wanted: Optional[Tensor], steps: int) -> Tensor:
        """Predict tokens of a grid of ``L = steps * V`` places.

        Args:
            seen: ``(P, K, D_in)``, the visible tokens.
            keep: ``(P, K)`` int64, their places in ``[0, L)``.
            wanted: ``(P, Q)`` int64, places to predict; ``None``: all L in order.
            steps: T'.

        Returns:
            Tensor: ``(P, Q, D_out)``.
        """
        place = (self.pos_embed + time_embedding(self.temp_embed, steps, resize=True)).flatten(1, 2)
        x = self.embed(seen).to(place.dtype)
        tokens = self.mask_token.expand(len(x), place.shape[1], -1)
        x = (tokens.scatter(1, keep.unsqueeze(-1).expand_as(x), x) + place).unsqueeze(1)
        for block in self.blocks[:-1]:
            x = block(x)
        return self.pred(self.norm(self.blocks[-1](x, wanted)).flatten(1, 2))
