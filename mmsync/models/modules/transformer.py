"""Pre-norm transformer layers with attention over any axis of the tokens, without a transposed copy."""

from __future__ import annotations

from typing import NamedTuple, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmsync.ops.attention import attend
from mmsync.ops.masks import take_tokens


class DropPath(nn.Module):
    """Stochastic depth (Huang et al., 2016), which drops the whole branch of a row with ``drop_prob`` in training."""

    def __init__(self, drop_prob: float) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x: Tensor) -> Tensor:
        """Drop rows of ``x (P, ...)``; those kept are scaled by ``1 / (1 - drop_prob)``."""
        if not self.training or self.drop_prob == 0:
            return x
        keep = 1 - self.drop_prob
        return x * x.new_empty((len(x),) + (1,) * (x.ndim - 1)).bernoulli_(keep).div_(keep)


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al., 2017) of tokens ``(P, T, V, D)`` over one axis or all of them.

    The projection's rows are reordered by head, ``(H, 3, d)`` instead of ``(3, H, d)``, so that joints and heads share
    one stride and no direction copies an activation.
    """

    def __init__(
        self, dim: int, num_heads: int, qkv_bias: bool = True, attn_drop: float = 0.0, proj_drop: float = 0.0
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.attn_drop = attn_drop
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(proj_drop)

    def forward(
        self, x: Tensor, axis: str, visible: Optional[Tensor] = None, wanted: Optional[Tensor] = None
    ) -> Tensor:
        """Attend along an axis: ``(P, T, V, D)`` to the same shape, or to ``(P, 1, Q, D)`` of the ``wanted`` tokens.

        Args:
            x: ``(P, T, V, D)``.
            axis: ``'joints'``: within each frame; ``'frames'``: along each joint; ``'all'``: over all ``T * V`` tokens.
            visible: ``(P, T, V)`` bool, tokens that others attend to; each also attends to itself. ``None``: all.
            wanted: ``(P, Q)`` int64, of the axis ``'all'``: places of the tokens that attend. ``None``: all.
        """
        p, t, v, dim = x.shape
        h = self.num_heads
        weight = self.qkv.weight.view(3, h, -1, dim).transpose(0, 1).reshape(3 * dim, dim)
        bias = None if self.qkv.bias is None else self.qkv.bias.view(3, h, -1).transpose(0, 1).reshape(-1)
        shape = {"joints": (p * t, v, h), "frames": (p, t, v * h), "all": (p, t * v, h)}[axis]
        query, key, value = F.linear(x, weight, bias).view(*shape, 3, dim // h).transpose(1, 2).unbind(3)
        mask = None
        if visible is not None:
            if axis == "frames":
                mask = visible.transpose(1, 2).repeat_interleave(h, 1)
            else:
                mask = visible.reshape(*shape[:2]).unsqueeze(1)
            mask = mask.unsqueeze(2) | torch.eye(shape[1], dtype=torch.bool, device=x.device)
        if wanted is not None:
            query, t, v = query.gather(2, wanted[:, None, :, None].expand(-1, h, -1, dim // h)), 1, wanted.shape[1]
        out = attend(query, key, value, self.attn_drop if self.training else 0.0, mask)
        return self.proj_drop(self.proj(out.transpose(1, 2).reshape(p, t, v, dim)))


class MLP(nn.Module):
    """Two linear layers with a GELU in between and dropout after each: ``(..., D) -> (..., D)``."""

    def __init__(self, dim: int, hidden_dim: int, drop: float = 0.0) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, dim)
        self.drop = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(..., D)`` to ``(..., D)``."""
        return self.drop(self.fc2(self.drop(F.gelu(self.fc1(x)))))


class BlockSizes(NamedTuple):
    """Settings that the blocks of a transformer share; ``dim`` is a multiple of ``num_heads``."""

    dim: int
    num_heads: int
    mlp_ratio: float
    qkv_bias: bool
    drop: float
    attn_drop: float
    norm_eps: float

    def layers(self) -> tuple[nn.LayerNorm, Attention, nn.LayerNorm, MLP]:
        """Attention and MLP, each after its norm."""
        attn = Attention(self.dim, self.num_heads, self.qkv_bias, self.attn_drop, self.drop)
        mlp = MLP(self.dim, int(self.dim * self.mlp_ratio), self.drop)
        return nn.LayerNorm(self.dim, eps=self.norm_eps), attn, nn.LayerNorm(self.dim, eps=self.norm_eps), mlp


class TransformerBlock(nn.Module):
    """Pre-norm attention over all tokens, then an MLP, both with residuals: ``(P, T, V, D)`` to the same shape.

    Of tokens that are not ``wanted (P, Q)`` only what others attend to is computed: ``(P, 1, Q, D)``.
    """

    def __init__(self, sizes: BlockSizes, drop_path: float) -> None:
        super().__init__()
        self.norm1, self.attn, self.norm2, self.mlp = sizes.layers()
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, wanted: Optional[Tensor] = None) -> Tensor:
        """Map ``(P, T, V, D)`` to ``(P, T, V, D)``, or to ``(P, 1, Q, D)``."""
        found = self.attn(self.norm1(x), "all", wanted=wanted)
        x = (x if wanted is None else take_tokens(x.flatten(1, 2), wanted).unsqueeze(1)) + self.drop_path(found)
        return x + self.drop_path(self.mlp(self.norm2(x)))


def recompute(module: nn.Module, with_cp: bool, *inputs: Optional[Tensor]) -> Tensor:
    """Call ``module(*inputs)``; ``with_cp`` recomputes activations in the backward pass instead of storing them."""
    if with_cp and inputs[0] is not None and inputs[0].requires_grad and torch.is_grad_enabled():
        return checkpoint(module, *inputs, use_reentrant=False)
    return module(*inputs)
