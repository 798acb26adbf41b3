"""Soft-DTW between two sequences and contrastive-IDM within one (Haresh et al., 2021, LAV)."""

from __future__ import annotations

from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.ops.distances import squared_distances
from mmsync.ops.masked import mean_over_ranks, valid_or_all
from mmsync.ops.precision import in_float32
from mmsync.ops.soft_dtw import soft_dtw
from mmsync.registry import LOSSES


@in_float32
def soft_dtw_alignment(
    first: Tensor, second: Tensor, valid_first: Optional[Tensor] = None, valid_second: Optional[Tensor] = None,
    gamma: float = 0.1, normalize: bool = True,
) -> Tensor:  # fmt: skip
    """Soft-DTW of squared distances per frame (Haresh et al., 2021, LAV, eq. 4), ``(P,)``; it may be negative.

    LAV divides by its 20 frames; sequences of N and M valid frames divide by ``(N + M) / 2``.

    Args:
        first: ``(P, N, D)`` embeddings.
        second: ``(P, M, D)`` embeddings of the other sequence of each pair.
        valid_first: ``(P, N)`` bool, valid frames first; ``None``: all.
        valid_second: ``(P, M)`` bool.
        gamma: Temperature of the soft minimum, above 0.
        normalize: Whether to normalize embeddings to unit vectors, as LAV does.
    """
    if normalize:
        first, second = F.normalize(first, dim=2), F.normalize(second, dim=2)
    n, m = valid_or_all(valid_first, first).sum(1), valid_or_all(valid_second, second).sum(1)
    return soft_dtw(squared_distances(first, second), gamma, n, m) * 2 / (n + m)


@in_float32
def contrastive_idm(
    frames: Tensor, index: Tensor, lengths: Tensor, valid: Optional[Tensor] = None, sigma: float = 10.0,
    margin: float = 2.0, normalize: bool = True,
) -> Tensor:  # fmt: skip
    """Contrastive inverse difference moment of each sequence (Haresh et al., 2021, LAV, eqs. 5 and 6), ``(N,)``.

    With squared distances ``d`` of frames, the sum over all i and j, over the number of valid frames, of ``d_ij`` where
    the frames are at most ``sigma`` source frames apart, else of ``(1 + (t_i - t_j)^2) max(0, margin - d_ij)`` with
    times ``t = index / length``.

    Args:
        frames: ``(N, T, D)`` embeddings.
        index: ``(N, T)`` source frame of each frame.
        lengths: ``(N,)`` number of source frames of each sequence.
        valid: ``(N, T)`` bool; ``None``: all.
        sigma: Source frames within which two frames have to be similar, 0 or more.
        margin: Squared distance from which two frames are different enough, above 0.
        normalize: Whether to normalize embeddings to unit vectors, as LAV does.
    """
    valid = valid_or_all(valid, frames)
    if normalize:
        frames = F.normalize(frames, dim=2)
    distance = squared_distances(frames, frames)
    gap = (index[:, :, None] - index[:, None]).abs().to(distance.dtype)  # in frames: exact at the limit
    far = (1 + (gap / lengths[:, None, None]).square()) * (margin - distance).clamp(min=0)
    terms = distance.where(gap <= sigma, far) * (valid[:, :, None] & valid[:, None])
    return terms.sum((1, 2)) / valid.sum(1)


@LOSSES.register_module()
class SoftDTWLoss(nn.Module):
    """Soft-DTW per frame of pairs of sequences ``(P, N, D)`` and ``(P, M, D)``, see :func:`soft_dtw_alignment`.

    Args:
        gamma: Temperature of the soft minimum, above 0.
        normalize: Whether to normalize embeddings to unit vectors.

    Raises:
        ConfigError: A gamma that is not positive.
    """

    def __init__(self, gamma: float = 0.1, normalize: bool = True) -> None:
        super().__init__()
        if not gamma > 0:
            raise ConfigError(f"SoftDTWLoss: gamma={gamma}: give a number above 0; 0.1 is usual")
        self.gamma, self.normalize = gamma, normalize

    def forward(
        self,
        first: Tensor,
        second: Tensor,
        valid_first: Optional[Tensor] = None,
        valid_second: Optional[Tensor] = None,
    ) -> Tensor:
        """Mean over the pairs of all ranks, a scalar; masks are ``(P, N)`` and ``(P, M)``."""
        values = soft_dtw_alignment(first, second, valid_first, valid_second, self.gamma, self.normalize)
        return mean_over_ranks(values, torch.ones_like(values))


@LOSSES.register_module()
class ContrastiveIDM(nn.Module):
    """Contrastive-IDM of sequences ``(N, T, D)``, see :func:`contrastive_idm`; LAV adds half of it for each sequence.

    Args:
        sigma: Source frames within which two frames have to be similar, 0 or more.
        margin: Squared distance from which two frames are different enough, above 0; at most 4 with ``normalize``.
        normalize: Whether to normalize embeddings to unit vectors.

    Raises:
        ConfigError: A number out of range.
    """

    def __init__(self, sigma: float = 10.0, margin: float = 2.0, normalize: bool = True) -> None:
        super().__init__()
        if not sigma >= 0 or not margin > 0:
            raise ConfigError(f"ContrastiveIDM: {sigma=}, {margin=}: sigma has to be 0 or more, the margin above 0")
        if normalize and margin > 4:
            raise ConfigError(f"ContrastiveIDM: {margin=}, but squares of unit vectors' distances are at most 4; use 2")
        self.sigma, self.margin, self.normalize = sigma, margin, normalize

    def forward(self, frames: Tensor, index: Tensor, lengths: Tensor, valid: Optional[Tensor] = None) -> Tensor:
        """Mean over the sequences of all ranks, a scalar; ``index (N, T)``, ``lengths (N,)`` in source frames."""
        values = contrastive_idm(frames, index, lengths, valid, self.sigma, self.margin, self.normalize)
        return mean_over_ranks(values, torch.ones_like(values))
