"""Gaussian mixtures over frames, fitted to distributions over frames."""

from __future__ import annotations

import torch
from torch import Tensor

from mmsync.ops.lbfgs import minimize
from mmsync.ops.masked import mask_logits

VARIANCE_FLOOR = 0.5
PROBABILITY_FLOOR = 1e-8


@torch.no_grad()
def fit_mixtures(alignment: Tensor, valid: Tensor, components: int, steps: int = 40) -> tuple[Tensor, Tensor]:
    """Fit Gaussian mixtures over frame numbers to alignments by the symmetric Kullback-Leibler divergence.

    Each component is normalized over the valid frames, so that it is a distribution of them. Means start evenly spread.
    The variance is 0.5 plus an exponential, so that its floor, standard deviation ``sqrt(0.5)``, is smooth.

    Args:
        alignment: ``(Q, M)`` distributions over frames, 0 in the padding.
        valid: ``(Q, M)`` bool, valid frames first.
        components: Number K of components.
        steps: Iterations of L-BFGS, at each of which ``Q * K * M`` numbers are evaluated a few times.

    Returns:
        tuple: Mixture weights ``(Q, K)`` and the components' distributions of frames ``(Q, K, M)``, without gradient.
    """
    length = valid.sum(1, keepdim=True).to(alignment.dtype)
    at = torch.arange(valid.shape[1], device=valid.device, dtype=alignment.dtype)
    log_target = alignment.clamp(min=PROBABILITY_FLOOR).log()

    def mixture(x: Tensor) -> tuple[Tensor, Tensor]:
        mean, spread, weight = x.view(len(x), 3, components).unbind(1)
        square = (at - mean[..., None] * length[..., None]).square()
        logits = -square / (2 * (VARIANCE_FLOOR + spread.clamp(max=30).exp()[..., None]))
        return weight.log_softmax(1), mask_logits(logits, valid[:, None]).log_softmax(2)

    def divergence(x: Tensor) -> Tensor:
        weight, parts = mixture(x)
        log_found = (weight[..., None] + parts).logsumexp(1)
        terms = (log_found.exp() - alignment) * (log_found.clamp(min=-60) - log_target)
        return (terms * valid).sum(1)

    means = (torch.arange(components, device=valid.device, dtype=alignment.dtype) + 0.5) / components
    spread = (length / components).square().log().expand(-1, components)
    start = torch.cat([means.expand_as(spread) - 0.5 / length, spread, torch.zeros_like(spread)], 1)
    weight, parts = mixture(minimize(divergence, start, steps))
    return weight.exp(), parts.exp()
