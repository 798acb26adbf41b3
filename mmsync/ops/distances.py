"""Distances of all rows of two batches, and similarities of all frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmsync.ops.masked import mask_logits
from mmsync.ops.precision import in_float32


def squared_distances(first: Tensor, second: Tensor) -> Tensor:
    """Squared Euclidean distances ``(P, N, M)`` of rows ``(P, N, D)`` and ``(P, M, D)``, as a product of matrices."""
    squares = first.square().sum(2)[:, :, None] + second.square().sum(2)[:, None]
    return (squares - 2 * first @ second.transpose(1, 2)).clamp(min=0)


@in_float32
def casa_similarity(first: Tensor, second: Tensor, temperature: float = 0.1, similarity: str = "euclidean") -> Tensor:
    """Similarities ``(N, T1, T2)`` of frames, with CASA's scales: features are divided by ``sqrt(D)``.

    ``'euclidean'``: ``-|a - b| / (tau D)``, the distance not squared, by differences, without a matrix product, so that
    equal frames are exactly 0 apart; O(N T1 T2 D). ``'cosine'``: ``cos(a, b) / tau``.

    Args:
        first: ``(N, T1, D)`` embeddings.
        second: ``(N, T2, D)``.
        temperature: Temperature tau, above 0.
        similarity: ``'euclidean'`` or ``'cosine'``.
    """
    width = first.shape[-1]
    if similarity == "cosine":
        first, second = nn.functional.normalize(first, dim=-1), nn.functional.normalize(second, dim=-1)
        return first @ second.transpose(1, 2) / temperature
    distance = torch.cdist(first / width**0.5, second / width**0.5, compute_mode="donot_use_mm_for_euclid_dist")
    return -distance / (temperature * width)


@in_float32
def frame_logits(query: Tensor, frames: Tensor, valid: Tensor, similarity: str, temperature: float) -> Tensor:
    """Similarities ``(P, Q, T)`` of queries ``(P, Q, D)`` to frames ``(P, T, D)`` whose softmax is 0 off ``valid``.

    ``'l2'``: ``-|a - b|^2 / (D tau)``; ``'cosine'``: ``a . b / (D tau)``, a product that TCC does not normalize.
    """
    scores = -squared_distances(query, frames) if similarity == "l2" else query @ frames.transpose(1, 2)
    return mask_logits(scores / (query.shape[-1] * temperature), valid[:, None])


@in_float32
def unit_frames(x: Tensor) -> Tensor:
    """Unit vectors of embeddings ``(N, T, D)``, in float32 at least."""
    return nn.functional.normalize(x, dim=-1)


@in_float32
def frame_cosines(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Cosines ``(N, T1, T2)`` of unit vectors ``(N, T1, D)`` and ``(N, T2, D)``, over the temperature."""
    return first @ second.transpose(1, 2) / temperature


@torch.no_grad()
def embedding_std(x: Tensor) -> Tensor:
    """How far the directions of ``(N, D)`` spread, for the log: 1 if evenly, 0 if they are equal."""
    unit = nn.functional.normalize(x.float(), dim=1)
    return unit.std(0, unbiased=False).mean() * unit.shape[1] ** 0.5
