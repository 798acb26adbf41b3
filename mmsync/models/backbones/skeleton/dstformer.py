"""DSTformer (Zhu et al., 2023, MotionBERT: A Unified Perspective on Learning Human Motion Representations)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Optional, Union, cast

import torch
from torch import Tensor, nn

from mmsync.models.backbones.skeleton.transformer import SkeletonTransformer, drop_paths
from mmsync.models.modules.transformer import BlockSizes, DropPath, recompute
from mmsync.registry import BACKBONES, OptConfig
from mmsync.structures import SkeletonLayout

LAYERS = ("norm1", "attn", "norm2", "mlp")


class DSTBlock(nn.Module):
    """Spatial and temporal attention, each with its MLP, in the ``order`` 'st' or 'ts': ``(P, T, V, D)`` (eqs. 1-3)."""

    def __init__(self, order: Literal["st", "ts"], sizes: BlockSizes, drop_path: float) -> None:
        super().__init__()
        self.order = order
        for axis in "st":
            for name, layer in zip(LAYERS, sizes.layers()):
                self.add_module(f"{name}_{axis}", layer)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, visible: Optional[Tensor] = None) -> Tensor:
        """Map ``x (P, T, V, D)`` to the same shape; tokens attend to ``visible (P, T, V)`` ones and themselves."""
        for axis in self.order:
            norm1, attn, norm2, mlp = (getattr(self, f"{name}_{axis}") for name in LAYERS)
            x = x + self.drop_path(attn(norm1(x), {"s": "joints", "t": "frames"}[axis], visible))
            x = x + self.drop_path(mlp(norm2(x)))
        return x


@BACKBONES.register_module()
class DSTformer(SkeletonTransformer):
    """DSTformer: ``(P, T, V, C) -> (P, R, T, V)``, one token for every frame and joint.

    MotionBERT base: ``embed_dim=512, depth=5, num_heads=8, mlp_ratio=2, max_len=243, layout='h36m17'`` (42.5 M
    parameters with its pose head, which is not part of this backbone), lite: ``embed_dim=256, mlp_ratio=4`` (16.0 M);
    MBAimCLR: ``depth=4, layout='ntu25', max_len=50``. 2D input has channels x, y and score. Parameter names are
    those of the public checkpoints.

    Cost per person: ``2 depth T V D ((8 + 4 mlp_ratio) D + 2 (T + V))`` multiplications; memory is that of the
    activations.

    Args:
        layout: Name or config of the skeleton layout.
        in_channels: Number of input channels C.
        embed_dim: Width of the tokens D.
        rep_dim: R, width of the Tanh representation; 0 leaves it out, so that R = D.
        depth: Levels, each one ``st`` and one ``ts`` block.
        num_heads: H, a divisor of D.
        mlp_ratio: Width of the MLPs over D.
        max_len: Number of time embeddings. Shorter clips take the first ones, longer clips resampled ones.
        resize_time: Whether to resample the time embeddings for shorter clips too.
        fusion: Whether to mix the two blocks of a level with learned weights per token; otherwise take their mean.
        qkv_bias: Whether query, key and value have biases.
        drop_rate: Dropout of embeddings, projections and MLPs, in [0, 1).
        attn_drop_rate: Dropout of the attention weights.
        drop_path_rate: Stochastic depth of the last level; it grows linearly from 0.
        norm_eps: Epsilon of the layer norms; MotionBERT's weights were trained with 1e-6.
        data_norm: Whether to batch-normalize the input per joint and channel, as ST-GCN does.
        stem: ``dict(channels=..., strides=..., temporal_kernel=9)`` of ST-GCN blocks in front of the tokens, if any.
        init: ``'published'`` is MotionBERT's; ``'normal'`` draws every linear weight from N(0, .02), also those of the
            fusion, as MBAimCLR's released code does.
        with_cp: Recompute the activations of a level in the backward pass instead of storing them.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: ``embed_dim`` is not a multiple of ``num_heads``, or a size is not positive.
        LayoutError: Input of another layout or number of channels.
    """

    def __init__(
        self, layout: Union[str, dict, SkeletonLayout] = "ntu25", in_channels: int = 3, embed_dim: int = 512,
        rep_dim: int = 512, depth: int = 5, num_heads: int = 8, mlp_ratio: float = 2.0, max_len: int = 243,
        resize_time: bool = False, fusion: bool = True, qkv_bias: bool = True, drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0, drop_path_rate: float = 0.0, norm_eps: float = 1e-6, data_norm: bool = False,
        stem: OptConfig = None, init: Literal["published", "normal"] = "published", with_cp: bool = False,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        sizes = dict(embed_dim=embed_dim, num_heads=num_heads, depth=depth, max_len=max_len)
        super().__init__(layout, in_channels, rep_dim or embed_dim, sizes, data_norm, stem, init_cfg)
        joints = self.layout.num_joints
        self.joints_embed = nn.Linear(self.token_channels, embed_dim)
        self.pos_embed = nn.Parameter(torch.zeros(1, joints, embed_dim))
        self.temp_embed = nn.Parameter(torch.zeros(1, max_len, 1, embed_dim))
        self.pos_drop = nn.Dropout(drop_rate)
        shared = BlockSizes(embed_dim, num_heads, mlp_ratio, qkv_bias, drop_rate, attn_drop_rate, norm_eps)
        paths = drop_paths(drop_path_rate, depth)
        self.blocks_st = nn.ModuleList(DSTBlock("st", shared, path) for path in paths)
        self.blocks_ts = nn.ModuleList(DSTBlock("ts", shared, path) for path in paths)
        self.ts_attn = nn.ModuleList(nn.Linear(2 * embed_dim, 2) for _ in range(depth)) if fusion else None
        self.norm = nn.LayerNorm(embed_dim, eps=norm_eps)
        self.pre_logits = nn.Sequential()
        if rep_dim:
            self.pre_logits.add_module("fc", nn.Linear(embed_dim, rep_dim))
            self.pre_logits.add_module("act", nn.Tanh())
        self.resize_time, self.init, self.with_cp = resize_time, init, with_cp
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights as ``init`` specifies."""
        super().reset_parameters()
        if self.init == "published" and self.ts_attn is not None:
            for layer in cast("Iterable[nn.Linear]", self.ts_attn):
                nn.init.zeros_(layer.weight)
                nn.init.constant_(layer.bias, 0.5)

    def fuse(self, level: int, x_st: Tensor, x_ts: Tensor) -> Tensor:
        """Mix the two blocks with a weight per token (eq. 4); the softmax of two is the sigmoid of their difference."""
        if self.ts_attn is None:
            return (x_st + x_ts) * 0.5
        layer = cast(nn.Linear, self.ts_attn[level])
        weight, bias = layer.weight, layer.bias
        w_st, w_ts = (weight[0] - weight[1]).view(2, -1, 1)
        alpha = torch.sigmoid(x_st @ w_st + x_ts @ w_ts + (bias[0] - bias[1]))
        return torch.lerp(x_ts, x_st, alpha.to(x_st.dtype))

    def tokens(self, x: Tensor) -> Tensor:
        """Tokens ``(P, T', V, D)`` of persons ``(P, T, V, C)``; T' = T without a stem."""
        x = self.joints_embed(self.prepare(x)) + self.pos_embed
        return self.pos_drop(x + self.time(x.shape[1], self.resize_time))

    def encode(self, tokens: Tensor, keep: Optional[Tensor] = None) -> Tensor:
        """Encode all tokens, or only the visible ones; hidden tokens are computed but not attended to."""
        x, visible = tokens, None
        if keep is not None:
            visible = torch.zeros_like(x[..., 0], dtype=torch.bool).flatten(1).scatter_(1, keep, True).view(x.shape[:3])
        for level, (block_st, block_ts) in enumerate(zip(self.blocks_st, self.blocks_ts)):
            parts = (recompute(block, self.with_cp, x, visible) for block in (block_st, block_ts))
            x = self.fuse(level, *parts)
        x = self.pre_logits(self.norm(x))
        return x if keep is None else x.flatten(1, 2).gather(1, keep.unsqueeze(-1).expand(-1, -1, x.shape[-1]))
