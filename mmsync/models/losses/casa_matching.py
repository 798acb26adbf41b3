"""Matching of a sequence with its augmentation (Kwon et al., 2022, Context-Aware Sequence Alignment, CASA)."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.ops.distances import casa_similarity
from mmsync.ops.masked import mask_logits, mean_over_ranks, valid_or_all
from mmsync.ops.precision import in_float32
from mmsync.registry import LOSSES

LOG_VARIANCE_WEIGHT = 1e-5


@in_float32
def position_regression(
    logits: Tensor, target: Tensor, with_variance: bool = False, variance_min: float = 1e-6
) -> Tensor:
    """Errors ``(N, T)`` of the position in the other view that each frame is expected to match.

    With the softmax ``beta`` of a row, ``p = sum_k beta_k k`` and ``v = sum_k beta_k (k - p)^2``: ``(t - p)^2``, or
    with the variance ``(t - p)^2 / v + 1e-5 log v``.

    Args:
        logits: ``(N, T, K)``.
        target: ``(N, T)`` positions t, 0 to K - 1.
        with_variance: Whether errors are divided by the variance.
        variance_min: Least variance, in squared frames, above 0.
    """
    beta = logits.softmax(-1)
    position = torch.arange(logits.shape[-1], device=logits.device, dtype=logits.dtype)
    expected = beta @ position
    error = (target.to(expected.dtype) - expected).square()
    if not with_variance:
        return error
    variance = (beta * (position - expected[..., None]).square()).sum(-1).clamp(min=variance_min)
    return error / variance + LOG_VARIANCE_WEIGHT * variance.log()


@LOSSES.register_module()
class CASAMatchingLoss(nn.Module):
    """Position of augmented frames ``(N, T2, D)`` in their original sequence ``(N, T1, D)`` (Kwon et al., 2022, CASA).

    A pair of frames is a target if both show the same source frame, and a frame qualifies if it has exactly one target.
    ``'regression'`` is the mean squared error, in frames, of the qualifying augmented frames of the batch;
    ``'regression_var'`` divides by the predicted variance and adds both directions. In the release the softmax runs
    over padding, too, so that a loss depends on the rest of the batch: ``mask=False``.

    Args:
        loss: ``'regression'`` or ``'regression_var'``.
        similarity: ``'euclidean'``, ``-|a - b| / (tau D)``, or ``'cosine'``, ``cos(a, b) / tau``, as for IKEA ASM.
        temperature: Temperature tau, above 0.
        mask: Whether padded frames have no part in the softmax.
        variance_min: Least variance of ``'regression_var'``, in squared frames, above 0.

    Raises:
        ConfigError: A number out of range, or an unknown name.
    """

    def __init__(
        self, loss: str = "regression", similarity: str = "euclidean", temperature: float = 0.1, mask: bool = True,
        variance_min: float = 1e-6,
    ) -> None:  # fmt: skip
        super().__init__()
        if loss not in ("regression", "regression_var"):
            raise ConfigError(f"CASAMatchingLoss: loss={loss!r}: use 'regression' or 'regression_var'")
        if similarity not in ("euclidean", "cosine"):
            raise ConfigError(f"CASAMatchingLoss: similarity={similarity!r}: use 'euclidean' or 'cosine'")
        if not temperature > 0 or not variance_min > 0:
            raise ConfigError(f"CASAMatchingLoss: {temperature=}, {variance_min=}: both must be above 0")
        self.with_variance, self.similarity = loss == "regression_var", similarity
        self.temperature, self.mask, self.variance_min = temperature, mask, variance_min

    def forward(
        self, first: Tensor, second: Tensor, index_first: Tensor, index_second: Tensor,
        valid_first: Optional[Tensor] = None, valid_second: Optional[Tensor] = None,
    ) -> Tensor:  # fmt: skip
        """Loss of a batch, a scalar; the same on every rank.

        Args:
            first: ``(N, T1, D)`` embeddings of the whole sequences.
            second: ``(N, T2, D)`` embeddings of their augmentations.
            index_first: ``(N, T1)`` source frame of each frame.
            index_second: ``(N, T2)``; frames between two source frames, with fractions, have no target.
            valid_first: ``(N, T1)`` bool; ``None``: all.
            valid_second: ``(N, T2)``.
        """
        valid_first, valid_second = valid_or_all(valid_first, first), valid_or_all(valid_second, second)
        logits = casa_similarity(first, second, self.temperature, self.similarity)
        target = (index_first[..., None] == index_second[:, None]) & (index_first == index_first.round())[..., None]
        target = target & valid_first[..., None] & valid_second[:, None]
        loss = self._direction(logits.transpose(1, 2), target.transpose(1, 2), valid_first)
        return loss + self._direction(logits, target, valid_second) if self.with_variance else loss

    def _direction(self, logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """Mean over frames of one view, ``logits`` and ``target (N, T, K)``, the other view's ``valid (N, K)``."""
        if self.mask:
            logits = mask_logits(logits, valid[:, None])
        error = position_regression(logits, target.int().argmax(-1), self.with_variance, self.variance_min)
        usable = target.sum(-1) == 1
        return mean_over_ranks(error.masked_fill(~usable, 0), usable)
