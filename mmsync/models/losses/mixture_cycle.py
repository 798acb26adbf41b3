"""Generalized temporal cycle consistency: mixtures of matches, and frames without a match (GTCC)."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.ops.draws import draw_margins
from mmsync.ops.masked import mask_logits, mean_over_ranks, valid_or_all
from mmsync.ops.mixtures import fit_mixtures
from mmsync.ops.precision import in_float32
from mmsync.registry import LOSSES


@in_float32
def cycle_errors(
    first: Tensor, second: Tensor, valid_first: Tensor, valid_second: Tensor, margins: Tensor, components: int = 15,
    temperature: float = 0.1, steps: int = 40,
) -> Tensor:  # fmt: skip
    """Squared errors of cycles through the components of each frame's alignment (Donahue and Elhamifar, 2024, GTCC).

    A frame i has the alignment ``softmax(-|first_i - second_j| / tau)``, to which a mixture is fitted without gradient.
    Each component k has a soft neighbor, the mean of the other sequence under it, which returns to the expected frame
    ``mu_k`` under ``softmax(-|neighbor_k - first_i'| / tau)`` over the frames within the margins of i. The error is
    ``sum_k w_k (i - mu_k)^2``. Gradient flows through the neighbors and the way back only.

    Args:
        first: ``(P, N, D)`` embeddings.
        second: ``(P, M, D)`` embeddings of the other sequence of each pair.
        valid_first: ``(P, N)`` bool, valid frames first.
        valid_second: ``(P, M)`` bool.
        margins: ``(P, N, 2)`` frames to the left and to the right of each frame to which it may return.
        components: K; the memory is ``P N K (D + N + M)`` numbers.
        temperature: Temperature tau, above 0.
        steps: Iterations of the fit.

    Returns:
        Tensor: ``(P, N)`` in squared frames; of padded frames, too.
    """
    p, n, _ = first.shape
    mode = "donot_use_mm_for_euclid_dist"  # whose roots of small differences are exact
    with torch.no_grad():
        logits = mask_logits(-torch.cdist(first, second, compute_mode=mode) / temperature, valid_second[:, None])
        target = logits.softmax(2).flatten(0, 1)
        weight, parts = fit_mixtures(target, valid_second.repeat_interleave(n, 0), components, steps)
    neighbor = parts.view(p, n * components, second.shape[1]) @ second
    back = -torch.cdist(neighbor, first, compute_mode=mode).view(p, n, components, n) / temperature
    at = torch.arange(n, device=first.device, dtype=first.dtype)
    gap = at - at[:, None]
    near = (gap >= -margins[..., :1]) & (gap <= margins[..., 1:]) & valid_first[:, None]
    returned = mask_logits(back, near[:, :, None]).softmax(3) @ at
    return (weight.view(p, n, components) * (at[:, None] - returned).square()).sum(2)


@in_float32
def drop_weighted(errors: Tensor, keep: Tensor, floor: float = 1e-3) -> Tensor:
    """``b L + (1 - b) / L`` of errors L with the probability b that a frame is kept (GTCC).

    Frames of a large error are better dropped, those of a small one better kept. ``1 / L`` is constant below
    ``floor``, where its gradient would be above ``1 / floor^2``.

    Args:
        errors: ``(P, N)``, 0 or more.
        keep: ``(P, N)`` probabilities.
        floor: Above 0.
    """
    return keep * errors + (1 - keep) / errors.clamp(min=floor)


class FrameKeeper(nn.Module):
    """Probability that a frame ``(P, N, D)`` has a match in another sequence ``(P, M, D)`` (GTCC).

    An MLP of the mean of the other sequence gives a direction w and an offset c; the probability is
    ``eps + (1 - eps) sigmoid(s + c)`` with ``s = first . w`` standardized over the frames.

    Args:
        dim: Width of the embeddings D.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim + 1))

    def forward(self, first: Tensor, second: Tensor, valid_first: Tensor, valid_second: Tensor, least: float) -> Tensor:
        """Probabilities ``(P, N)``, at least ``least`` (eps)."""
        mask, other = valid_first.to(first.dtype), valid_second.to(second.dtype)
        mean = (second * other[..., None]).sum(1) / other.sum(1, keepdim=True)
        context = self.mlp(mean.to(next(self.parameters()).dtype)).to(torch.promote_types(first.dtype, torch.float32))
        score, frames = (first * context[:, None, :-1]).sum(2), mask.sum(1, keepdim=True)
        score = score - (score * mask).sum(1, keepdim=True) / frames
        variance = (score.square() * mask).sum(1, keepdim=True) / frames
        return least + (1 - least) * (score * (variance + 1e-5).rsqrt() + context[:, -1:]).sigmoid()


@LOSSES.register_module()
class MixtureCycleLoss(nn.Module):
    """Cycle consistency with several matches, or none, of pairs ``(P, N, D)`` and ``(P, M, D)`` of sequences (GTCC).

    The mean over the frames of :func:`drop_weighted` of :func:`cycle_errors`. It differs from the released code where
    that leaves no choice: each frame has its own fit by L-BFGS with backtracking, all frames at once, rather than 8
    outer steps of ``torch.optim.LBFGS`` for one after the other; components are normalized over the frames; ``1 / L``
    has a floor; and ``gamma`` is not overwritten by the number of components.

    Args:
        dim: D, width of the embeddings; the method fills it in.
        components: K; 15 for videos in the wild, 5 for monotonic ones.
        delta: Largest margin of the way back as a share of the length, above 0: 0.2 or 0.5.
        gamma: The least probability to keep a frame is ``gamma^(epoch + 1)``, 0 to 1: 0.95, or 1, which drops none.
        temperature: Temperature tau, above 0.
        steps: Iterations of the fit, at least 1.
        floor: Least error that is inverted, above 0.

    Raises:
        ConfigError: A number out of range, or no ``dim``.
    """

    def __init__(
        self, dim: Optional[int] = None, components: int = 15, delta: float = 0.2, gamma: float = 0.95,
        temperature: float = 0.1, steps: int = 40, floor: float = 1e-3,
    ) -> None:  # fmt: skip
        super().__init__()
        if dim is None or min(dim, components, steps) < 1:
            raise ConfigError(f"MixtureCycleLoss: {dim=}, {components=}, {steps=}: all have to be at least 1")
        if not min(delta, temperature, floor) > 0 or not 0 <= gamma <= 1:
            numbers = f"{delta=}, {temperature=}, {floor=}, {gamma=}"
            raise ConfigError(f"MixtureCycleLoss: {numbers}: all have to be above 0, and gamma at most 1")
        self.components, self.delta, self.gamma = components, delta, gamma
        self.temperature, self.steps, self.floor = temperature, steps, floor
        self.keeper = FrameKeeper(dim)

    def terms(
        self, first: Tensor, second: Tensor, valid_first: Optional[Tensor] = None,
        valid_second: Optional[Tensor] = None, epoch: int = 0, generator: Optional[torch.Generator] = None,
    ) -> Tensor:  # fmt: skip
        """Loss of each pair, ``(P,)``."""
        valid_first, valid_second = valid_or_all(valid_first, first), valid_or_all(valid_second, second)
        margins = draw_margins(valid_first, self.delta, generator)
        errors = cycle_errors(
            first, second, valid_first, valid_second, margins, self.components, self.temperature, self.steps
        )
        keep = self.keeper(first, second, valid_first, valid_second, self.gamma ** (epoch + 1))
        loss = drop_weighted(errors, keep, self.floor)
        return (loss * valid_first).sum(1) / valid_first.sum(1)

    def forward(
        self, first: Tensor, second: Tensor, valid_first: Optional[Tensor] = None,
        valid_second: Optional[Tensor] = None, epoch: int = 0, generator: Optional[torch.Generator] = None,
    ) -> Tensor:  # fmt: skip
        """Mean over the pairs of all ranks in an epoch, from 0, a scalar; margins are drawn by ``generator``."""
        values = self.terms(first, second, valid_first, valid_second, epoch, generator)
        return mean_over_ranks(values, torch.ones_like(values))
