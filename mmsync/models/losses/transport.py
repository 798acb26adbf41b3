"""Optimal transport with priors of order, with virtual frames (Liu et al., 2022, VAVA)."""

from __future__ import annotations

import math
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.ops.distances import squared_distances
from mmsync.ops.masked import mean_over_ranks, valid_or_all
from mmsync.ops.precision import in_float32
from mmsync.ops.sinkhorn import diagonal_share, order_priors, sinkhorn, with_virtual
from mmsync.registry import LOSSES

KERNEL_RANGE = (math.log(1e-15), math.log(1e20))


@in_float32
def temporal_contrast(frames: Tensor, valid: Tensor, window: int, margin: float) -> Tensor:
    """Intra-sequence term ``(P,)`` of VAVA on frames ``(P, T, D)``, the mean over all valid i and j.

    ``max(0, margin - d_ij)`` of frames more than ``window`` positions apart, else ``d_ij / ((i - j)^2 + 1)``, where d
    is the mean squared difference over D.
    """
    distance = squared_distances(frames, frames) / frames.shape[2]
    at = torch.arange(frames.shape[1], device=frames.device)
    gap = (at[:, None] - at).abs()
    terms = ((margin - distance).clamp(min=0)).where(gap > window, distance / (gap.square() + 1))
    return (terms * (valid[:, :, None] & valid[:, None])).sum((1, 2)) / valid.sum(1).square()


def match_contrast(distance: Tensor, log_kernel: Tensor, valid_first: Tensor, valid_second: Tensor) -> Tensor:
    """Inter-sequence term ``(P,)`` of VAVA: in each row, the largest and the least of kernel times distance.

    Their mean distances over the valid rows are the logits, negated, of a cross entropy whose class is the largest.
    """
    score = log_kernel.detach() + distance.detach().log()  # 0 has logarithm -inf, the least
    near = score.masked_fill(~valid_second[:, None], float("-inf")).argmax(2, keepdim=True)
    far = score.masked_fill(~valid_second[:, None], float("inf")).argmin(2, keepdim=True)
    gap = (distance.gather(2, near) - distance.gather(2, far))[:, :, 0]
    return F.softplus((gap * valid_first).sum(1) / valid_first.sum(1))


@in_float32
def prior_transport(
    first: Tensor, second: Tensor, valid_first: Optional[Tensor] = None, valid_second: Optional[Tensor] = None,
    step: int = 0, virtual_cost: float = 0.5, moment: float = 1.0, entropy: float = 0.1, delta: float = 2.0,
    iterations: int = 20,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Transport cost of pairs of sequences under priors of order (Liu et al., 2022, VAVA).

    With squared distances D, bordered by a virtual frame of each sequence, the kernel ``P exp((S - D) / l2)`` of
    :func:`order_priors` P and S, ``l2 = entropy * N M / 4``, is clipped to [1e-15, 1e20] and scaled by Sinkhorn.

    Args:
        first: ``(P, N, D)`` embeddings.
        second: ``(P, M, D)`` embeddings of the other sequence of each pair.
        valid_first: ``(P, N)`` bool, valid frames first; ``None``: all.
        valid_second: ``(P, M)`` bool.
        step: Training step, from 0, which moves the priors from the diagonal to the best matches.
        virtual_cost: zeta, the cost of cells of virtual frames.
        moment: lambda_1 for each frame.
        entropy: lambda_2.
        delta: Standard deviation of the Gaussian prior.
        iterations: Of Sinkhorn.

    Returns:
        tuple: ``sum plan * D`` with the virtual cells, and the inter-sequence term, ``(P,)`` each.
    """
    valid_first, valid_second = valid_or_all(valid_first, first), valid_or_all(valid_second, second)
    n, m = valid_first.sum(1), valid_second.sum(1)
    distance = squared_distances(first, second)
    rows, columns = (x[:, None, None].to(distance.dtype) for x in (n, m))
    log_prior, moments = order_priors(distance, rows, columns, diagonal_share(step), delta, moment)
    cost = with_virtual(distance, distance.new_full((1, 1, 1), virtual_cost))
    log_kernel = (log_prior + (moments - cost) * 4 / (entropy * rows * columns)).clamp(*KERNEL_RANGE)
    plan = sinkhorn(log_kernel, n + 1, m + 1, iterations)
    return (plan * cost).sum((1, 2)), match_contrast(distance, log_kernel[:, 1:, 1:], valid_first, valid_second)


@LOSSES.register_module()
class SinkhornPriorLoss(nn.Module):
    """VAVA's loss of pairs of sequences ``(P, N, D)`` and ``(P, M, D)``.

    ``0.5 (C(first) + C(second)) + transport_weight * transport + inter_weight * inter``, of
    :func:`temporal_contrast`, :func:`prior_transport` and :func:`match_contrast`. It follows the authors' sketch of
    their code, which does not run. There the transport cost is divided twice by ``N M``, so that it hardly counts;
    ``scale='plan'`` leaves it as the paper defines it. Its inter-sequence term ranks kernel *times* distance, in which
    identical frames are the worst match; it is kept, and its weight is small.

    Args:
        scale: ``'release'``: transport cost over ``(N M)^2``; ``'plan'``: the cost itself.
        transport_weight: 0 or more.
        inter_weight: 0 or more.
        virtual_cost: zeta, the cost of cells of virtual frames, above 0.
        moment: lambda_1, 0 or more.
        entropy: lambda_2, above 0.
        delta: Standard deviation of the Gaussian prior, above 0.
        window: Positions within which frames of a sequence attract each other, 0 or more.
        margin: Mean squared difference from which frames are different enough, above 0.
        iterations: Of Sinkhorn, at least 1.
        normalize: Whether to normalize embeddings to unit vectors.

    Raises:
        ConfigError: A number out of range, or an unknown scale.
    """

    def __init__(
        self, scale: str = "release", transport_weight: float = 1.0, inter_weight: float = 1e-4,
        virtual_cost: float = 0.5, moment: float = 1.0, entropy: float = 0.1, delta: float = 2.0, window: int = 15,
        margin: float = 2.0, iterations: int = 20, normalize: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        if scale not in ("release", "plan"):
            raise ConfigError(f"SinkhornPriorLoss: scale={scale!r}: give 'release' or 'plan'")
        if min(transport_weight, inter_weight, moment, window) < 0:
            numbers = f"{transport_weight=}, {inter_weight=}, {moment=}, {window=}"
            raise ConfigError(f"SinkhornPriorLoss: {numbers}: all have to be 0 or more")
        if not min(virtual_cost, entropy, delta, margin) > 0 or iterations < 1:
            numbers = f"{virtual_cost=}, {entropy=}, {delta=}, {margin=}, {iterations=}"
            raise ConfigError(f"SinkhornPriorLoss: {numbers}: all have to be above 0")
        self.scale, self.weights = scale, (transport_weight, inter_weight)
        self.transport = dict(
            virtual_cost=virtual_cost, moment=moment, entropy=entropy, delta=delta, iterations=iterations
        )
        self.window, self.margin, self.normalize = window, margin, normalize

    def terms(
        self, first: Tensor, second: Tensor, valid_first: Optional[Tensor] = None,
        valid_second: Optional[Tensor] = None, step: int = 0,
    ) -> dict[str, Tensor]:  # fmt: skip
        """Weighted terms ``intra``, ``transport`` and ``inter`` of each pair, ``(P,)``; their sum is the loss."""
        first, second = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (first, second))
        if self.normalize:
            first, second = F.normalize(first, dim=2), F.normalize(second, dim=2)
        valid_first, valid_second = valid_or_all(valid_first, first), valid_or_all(valid_second, second)
        cost, inter = prior_transport(first, second, valid_first, valid_second, step, **self.transport)
        if self.scale == "release":
            cost = cost / (valid_first.sum(1) * valid_second.sum(1)).square()
        views = ((first, valid_first), (second, valid_second))
        intra = sum(temporal_contrast(x, valid, self.window, self.margin) for x, valid in views) / 2
        return {"intra": intra, "transport": self.weights[0] * cost, "inter": self.weights[1] * inter}

    def forward(
        self, first: Tensor, second: Tensor, valid_first: Optional[Tensor] = None,
        valid_second: Optional[Tensor] = None, step: int = 0,
    ) -> Tensor:  # fmt: skip
        """Mean over the pairs of all ranks at a training step, a scalar; masks are ``(P, N)`` and ``(P, M)``."""
        values = sum(self.terms(first, second, valid_first, valid_second, step).values(), first.new_zeros(()))
        return mean_over_ranks(values, torch.ones_like(values))
