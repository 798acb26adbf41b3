"""A vanilla transformer on skeletons (Mao et al., 2023, MAMP: Masked Motion Predictors, section 3.2)."""

from __future__ import annotations

from typing import Literal, Union

import torch
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.backbones.skeleton.transformer import SkeletonTransformer, drop_paths
from mmsync.models.modules.transformer import BlockSizes, TransformerBlock
from mmsync.registry import BACKBONES, OptConfig
from mmsync.structures import SkeletonLayout


class PatchEmbed(nn.Module):
    """Embedding of patches of t frames of one joint: ``(P, T, V, C) -> (P, ceil(T / t), V, D)``."""

    def __init__(self, in_channels: int, embed_dim: int, t_patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, embed_dim, (t_patch, 1), (t_patch, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Embed ``x (P, T, V, C)``; a patch is a row of ``C * t`` values, so one matrix product makes all tokens."""
        weight, size = self.proj.weight.flatten(1), self.proj.kernel_size[0]
        missing = -x.shape[1] % size
        if missing:  # repeat the last frame until its patch is full
            x = torch.cat([x, x[:, -1:].expand(-1, missing, -1, -1)], 1)
        patches = x.unflatten(1, (-1, size)).permute(0, 1, 3, 4, 2).flatten(3)
        return nn.functional.linear(patches, weight, self.proj.bias)


@BACKBONES.register_module()
class SkeletonViT(SkeletonTransformer):
    """Vanilla transformer over all joint x time patches: ``(P, T, V, C) -> (P, D, T', V)``, T' = ceil(T / t_patch).

    MAMP: ``embed_dim=256, depth=8, num_heads=8, mlp_ratio=4, t_patch=4, clip_len=120``; MBAimCLR's TransCLR:
    ``depth=4, t_patch=5, clip_len=50``. No class token. Parameter names are those of the public checkpoints.

    Cost per person with ``L = T V / t_patch`` tokens: ``depth L D ((4 + 2 mlp_ratio) D + 2 L)`` multiplications; memory
    is linear in L.

    Args:
        layout: Name or config of the skeleton layout.
        in_channels: Number of input channels C.
        embed_dim: Width of the tokens D.
        depth: Number of blocks.
        num_heads: H, a divisor of D.
        mlp_ratio: Width of the MLPs over D.
        t_patch: Frames per patch; the last frame is repeated until the last patch is full.
        clip_len: T after the stem for which there are time embeddings; clips of other lengths resample them.
        time_interpolation: How, also those of a checkpoint: ``'linear'``, or ``'bicubic'`` as in MAE's and MAMP's code.
        qkv_bias: Whether query, key and value have biases.
        drop_rate: Dropout of projections and MLPs, in [0, 1).
        attn_drop_rate: Dropout of the attention weights.
        drop_path_rate: Stochastic depth of the last block; it grows linearly from 0.
        norm_eps: Epsilon of the layer norms.
        data_norm: Whether to batch-normalize the input per joint and channel, as ST-GCN does.
        stem: ``dict(channels=..., strides=..., temporal_kernel=9)`` of ST-GCN blocks in front of the tokens, if any.
        init: Of the linear weights: ``'xavier'`` as published, or ``'normal'`` with deviation .02.
        with_cp: Recompute the activations of a block in the backward pass instead of storing them.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: ``embed_dim`` is not a multiple of ``num_heads``, a size is not positive, or an unknown
            ``time_interpolation``.
        LayoutError: Input of another layout or number of channels.
    """

    def __init__(
        self, layout: Union[str, dict, SkeletonLayout] = "ntu25", in_channels: int = 3, embed_dim: int = 256,
        depth: int = 8, num_heads: int = 8, mlp_ratio: float = 4.0, t_patch: int = 4, clip_len: int = 120,
        time_interpolation: Literal["linear", "bicubic"] = "linear", qkv_bias: bool = True, drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0, drop_path_rate: float = 0.0, norm_eps: float = 1e-5, data_norm: bool = False,
        stem: OptConfig = None, init: Literal["xavier", "normal"] = "xavier", with_cp: bool = False,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        sizes = dict(embed_dim=embed_dim, num_heads=num_heads, depth=depth, t_patch=t_patch, clip_len=clip_len)
        super().__init__(layout, in_channels, embed_dim, sizes, data_norm, stem, init_cfg)
        joints = self.layout.num_joints
        self.joints_embed = PatchEmbed(self.token_channels, embed_dim, t_patch)
        self.pos_embed = nn.Parameter(torch.zeros(1, 1, joints, embed_dim))
        self.temp_embed = nn.Parameter(torch.zeros(1, -(-clip_len // t_patch), 1, embed_dim))
        shared = BlockSizes(embed_dim, num_heads, mlp_ratio, qkv_bias, drop_rate, attn_drop_rate, norm_eps)
        self.blocks = nn.ModuleList(TransformerBlock(shared, path) for path in drop_paths(drop_path_rate, depth))
        self.norm = nn.LayerNorm(embed_dim, eps=norm_eps)
        if time_interpolation not in ("linear", "bicubic"):
            raise ConfigError(f"SkeletonViT: time_interpolation={time_interpolation!r}; use 'linear' or 'bicubic'")
        self.init, self.with_cp, self.time_interpolation = init, with_cp, time_interpolation
        self.token_frames = t_patch
        self.reset_parameters()

    def tokens(self, x: Tensor) -> Tensor:
        """Tokens ``(P, T', V, D)`` of persons ``(P, T, V, C)``, T' = ceil(T / t_patch)."""
        x = self.joints_embed(self.prepare(x))
        return x + self.pos_embed + self.time(x.shape[1], resize=True)
