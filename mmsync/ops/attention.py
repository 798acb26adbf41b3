"""Attention of softmax and of a linear kernel, and codes of time for it."""

from __future__ import annotations

import math
from typing import Literal, Optional

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsync.ops.precision import in_float32

Kind = Literal["linear", "softmax"]


def attend(query: Tensor, key: Tensor, value: Tensor, dropout: float = 0.0, mask: Optional[Tensor] = None) -> Tensor:
    """Softmax attention ``(B, H, L, d)`` (Vaswani et al., 2017, eq. 1) where ``mask (B, 1 or H, L, L)``.

    Half precision on the CPU trains with plain products: the fused backward is 2 to 8 times slower (docs/design/0013).
    """
    if query.device.type == "cpu" and query.dtype in (torch.bfloat16, torch.float16) and query.requires_grad:
        scores = query * query.shape[-1] ** -0.5 @ key.transpose(-1, -2)
        weights = (scores if mask is None else scores.masked_fill(~mask, float("-inf"))).softmax(-1)
        return F.dropout(weights, dropout) @ value
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)


@in_float32
def linear_attention(query: Tensor, key: Tensor, value: Tensor, valid: Optional[Tensor] = None) -> Tensor:
    """Attention with the kernel elu + 1 (Katharopoulos et al., 2020, eq. 5), in time and memory linear in L and S.

    In float32: sums over long sequences leave the range of half precision.

    Args:
        query: ``(B, H, L, d)``.
        key: ``(B, H, S, d)``.
        value: ``(B, H, S, d)``.
        valid: ``(B, S)`` bool, keys that count; ``None``: all.

    Returns:
        Tensor: ``(B, H, L, d)``.
    """
    query, key = (x.clamp(max=0).exp() + x.clamp(min=0) for x in (query, key))  # faster than elu with its gradient
    if valid is not None:
        key = key * valid[:, None, :, None]
    total = query @ key.sum(2).unsqueeze(-1)
    return query @ (key.transpose(2, 3) @ value) / (total + 1e-6)


def attention(query: Tensor, key: Tensor, value: Tensor, heads: int, kind: Kind, valid: Optional[Tensor]) -> Tensor:
    """Multi-head attention of ``query (B, L, D)`` to ``key`` and ``value (B, S, D)`` where ``valid (B, S)``."""
    q, k, v = (x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (query, key, value))
    if kind == "linear":
        out = linear_attention(q, k, v, valid).to(v.dtype)
    else:
        if valid is not None:  # without any key, all count: no NaN
            valid = (valid | ~valid.any(1, keepdim=True))[:, None, None]
        out = attend(q, k, v, mask=valid)
    return out.transpose(1, 2).flatten(2)


def default_heads(channels: int) -> int:
    """Number of heads: 8 if that divides the width, else its largest divisor up to 21, as CASA has (75: 15; 51: 17)."""
    return 8 if channels % 8 == 0 else max(h for h in range(1, 22) if channels % h == 0)


def sine_positions(positions: Tensor, channels: int, paired: bool = True) -> Tensor:
    """Sinusoidal code of positions: sines in even columns, cosines in odd ones (Vaswani et al., 2017, section 3.5).

    Args:
        positions: Real numbers ``(...)``, in frames.
        channels: D; an odd one is the code of D + 1 without its last column.
        paired: Whether a sine and the cosine beside it have one frequency; else column c has ``10000 ** (-c / D)``, as
            in CARL's code.

    Returns:
        Tensor: ``(..., D)``.
    """
    column = torch.arange(channels, device=positions.device)
    power = (column - column % 2 if paired else column) / (channels + channels % 2)
    angle = positions.float().unsqueeze(-1) * torch.exp(-math.log(10000) * power)
    return torch.where(column % 2 == 0, angle.sin(), angle.cos())


def add_positions(x: Tensor) -> Tensor:
    """Frames ``(N, T, D)``, scaled by the root of D, plus the code of their positions."""
    length, channels = x.shape[1:]
    code = sine_positions(torch.arange(length, device=x.device), channels)
    return x * (channels + channels % 2) ** 0.5 + code.to(x.dtype)


def time_embedding(embedding: Tensor, length: int, resize: bool = False, interpolation: str = "linear") -> Tensor:
    """Time embeddings ``(1, L, 1, D)`` for T frames: resampled if T > L or ``resize``, else the first T.

    The ``interpolation`` is ``'linear'``, or ``'bicubic'`` over the plane of times and one column, as MAE's and MAMP's
    code resamples position embeddings.
    """
    if length == embedding.shape[1] or (length < embedding.shape[1] and not resize):
        return embedding[:, :length]
    plane = embedding.permute(0, 3, 1, 2)
    mode = {"linear": "bilinear"}.get(interpolation, interpolation)  # over one column, bilinear is linear
    return F.interpolate(plane, size=(length, 1), mode=mode, align_corners=False).permute(0, 2, 3, 1)
