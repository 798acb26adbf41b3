"""Temporal cycle consistency (Dwibedi et al., 2019, Temporal Cycle-Consistency Learning, TCC)."""

from __future__ import annotations

from typing import Optional

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from mmsync.errors import ConfigError
from mmsync.ops.draws import draw_cycles
from mmsync.ops.masked import mean_over_ranks, valid_or_all
from mmsync.ops.precision import in_float32
from mmsync.ops.soft_matching import chain_logits, cycle_logits
from mmsync.registry import LOSSES

REGRESSIONS = ("regression_mse", "regression_mse_var", "regression_huber")


@in_float32
def cycle_classification(logits: Tensor, frame: Tensor, valid: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Cross entropy ``(R,)`` of cycles with the frame from which they started (TCC, sec. 3.2).

    Args:
        logits: ``(R, T)``.
        frame: ``(R,)`` int64.
        valid: ``(R, T)`` bool, the T' frames over which ``s / T'`` of the target is spread.
        label_smoothing: s, 0 to below 1.
    """
    log_p = logits.log_softmax(-1)
    right = log_p.gather(-1, frame[:, None])[:, 0]
    spread = log_p.masked_fill(~valid, 0).sum(-1) / valid.sum(-1).clamp(min=1)
    return -(1 - label_smoothing) * right - label_smoothing * spread


@in_float32
def cycle_regression(
    logits: Tensor, time: Tensor, frame: Tensor, loss: str = "regression_mse_var", variance_weight: float = 0.001,
    huber_delta: float = 0.1, variance_min: float = 1e-8,
) -> Tensor:  # fmt: skip
    """Errors ``(R,)`` of the time to which cycles return (TCC, sec. 3.3).

    With the softmax ``beta`` of a row, ``p = sum_k beta_k time_k``, and the time t of the frame from which it started:
    ``(t - p)^2``; ``(t - p)^2 / v + lambda log v`` with ``v = sum_k beta_k (time_k - p)^2``; or Huber's function.

    Args:
        logits: ``(R, T)``.
        time: ``(R, T)``, usually the frame over the length of the sequence.
        frame: ``(R,)`` int64, the frame from which a cycle started.
        loss: ``'regression_mse'``, ``'regression_mse_var'`` or ``'regression_huber'``.
        variance_weight: lambda, of the logarithm of the variance.
        huber_delta: Error from which Huber's function is linear, above 0.
        variance_min: Least variance, above 0. The code of TCC has none and is not finite for a saturated softmax.
    """
    time = time.to(logits.dtype)
    beta, true = logits.softmax(-1), time.gather(-1, frame[:, None])[:, 0]
    found = (beta * time).sum(-1)
    if loss == "regression_huber":
        return F.huber_loss(found, true, reduction="none", delta=huber_delta)
    error = (true - found).square()
    if loss == "regression_mse":
        return error
    variance = (beta * (time - found[:, None]).square()).sum(-1).clamp(min=variance_min)
    return error / variance + variance_weight * variance.log()


@LOSSES.register_module()
class CycleConsistencyLoss(nn.Module):
    """Cycle consistency of pairs of sequences ``(P, T1, D)`` and ``(P, T2, D)`` (Dwibedi et al., 2019, TCC).

    The mean over valid frames of the first sequences. Pairs are ordered: give ``(a, b)`` and ``(b, a)``. CARL's version
    also smooths the target of a regression, which shifts it; this one, as TCC, does not.

    Args:
        loss: ``'classification'``, ``'regression_mse'``, ``'regression_mse_var'`` or ``'regression_huber'``.
        similarity: ``'l2'``, ``-|a - b|^2 / (D tau)``, or ``'cosine'``, ``a . b / (D tau)``, not normalized.
        temperature: Temperature tau, above 0.
        label_smoothing: Of a classification, 0 to below 1.
        variance_weight: Weight of the logarithm of the variance, 0 or more.
        huber_delta: Error from which Huber's function is linear, above 0.
        normalize_indices: Whether time is divided by the length of the sequence.
        variance_min: Least variance of ``'regression_mse_var'``, above 0; the code of TCC has none, and may give NaN.

    Raises:
        ConfigError: A number out of range, or an unknown name.
    """

    def __init__(
        self, loss: str = "regression_mse_var", similarity: str = "l2", temperature: float = 0.1,
        label_smoothing: float = 0.1, variance_weight: float = 0.001, huber_delta: float = 0.1,
        normalize_indices: bool = True, variance_min: float = 1e-8,
    ) -> None:  # fmt: skip
        super().__init__()
        if loss not in ("classification", *REGRESSIONS):
            raise ConfigError(f"CycleConsistencyLoss: {loss=}: use 'classification' or one of {', '.join(REGRESSIONS)}")
        if similarity not in ("l2", "cosine"):
            raise ConfigError(f"CycleConsistencyLoss: {similarity=}: use 'l2' or 'cosine'")
        if not temperature > 0 or not huber_delta > 0 or not variance_min > 0:
            text = f"{temperature=}, {huber_delta=}, {variance_min=}: all must be above 0"
            raise ConfigError(f"CycleConsistencyLoss: {text}")
        if not 0 <= label_smoothing < 1 or not variance_weight >= 0:
            text = f"{label_smoothing=}, {variance_weight=}: give 0 to below 1, and 0 or more"
            raise ConfigError(f"CycleConsistencyLoss: {text}")
        self.loss, self.similarity, self.temperature = loss, similarity, temperature
        self.label_smoothing, self.variance_weight, self.huber_delta = label_smoothing, variance_weight, huber_delta
        self.normalize_indices, self.variance_min = normalize_indices, variance_min

    def forward(
        self, first: Tensor, second: Tensor, index: Tensor, length: Tensor, valid_first: Optional[Tensor] = None,
        valid_second: Optional[Tensor] = None,
    ) -> Tensor:  # fmt: skip
        """Loss of P pairs, a scalar; the same on every rank; 0 without pairs.

        Args:
            first: ``(P, T1, D)`` embeddings of frames.
            second: ``(P, T2, D)`` of another sequence.
            index: ``(P, T1)`` source frame of each frame of the first sequence.
            length: ``(P,)`` frames of the first sequence.
            valid_first: ``(P, T1)`` bool; ``None``: all.
            valid_second: ``(P, T2)``.
        """
        valid = valid_or_all(valid_first, first)
        usable = valid & valid_or_all(valid_second, second).any(1, keepdim=True)
        logits = cycle_logits(first, second, valid, valid_second, self.similarity, self.temperature)
        frame = torch.arange(first.shape[1], device=first.device).expand(len(first), -1)
        time, columns = (x[:, None].expand_as(logits).flatten(0, 1) for x in (self._time(index, length), valid))
        return self._mean(logits.flatten(0, 1), time, columns, frame.flatten(), usable.flatten())

    def stochastic(
        self, embedding: Tensor, index: Tensor, length: Tensor, valid: Optional[Tensor] = None, cycles: int = 64,
        cycle_length: int = 2, group: Optional[Tensor] = None, generator: Optional[Generator] = None,
    ) -> Tensor:  # fmt: skip
        """Loss of random cycles through sequences of a batch, of one random frame each; a scalar.

        Args:
            embedding: ``(N, T, D)`` embeddings of frames.
            index: ``(N, T)`` source frame of each frame.
            length: ``(N,)`` frames of the sequences.
            valid: ``(N, T)`` bool; ``None``: all.
            cycles: C, number of cycles.
            cycle_length: Sequences in a cycle, at least 2.
            group: ``(N,)`` activities; cycles stay within one.
            generator: Of the same device; ``None``: torch's global one.
        """
        valid = valid_or_all(valid, embedding)
        sequences, frame = draw_cycles(valid, cycles, cycle_length, group, generator)
        start = sequences[:, 0]
        logits = chain_logits(embedding, valid, sequences, frame, self.similarity, self.temperature)
        return self._mean(logits, self._time(index, length)[start], valid[start], frame, torch.ones_like(frame).bool())

    def _time(self, index: Tensor, length: Tensor) -> Tensor:
        return index / length.to(index.device)[:, None] if self.normalize_indices else index

    def _mean(self, logits: Tensor, time: Tensor, valid: Tensor, frame: Tensor, usable: Tensor) -> Tensor:
        """Mean over usable rows ``(R,)`` of ``logits``, ``time`` and ``valid (R, T)``."""
        if self.loss == "classification":
            rows = cycle_classification(logits, frame, valid, self.label_smoothing)
        else:
            knobs = (self.variance_weight, self.huber_delta, self.variance_min)
            rows = cycle_regression(logits, time, frame, self.loss, *knobs)
        return mean_over_ranks(rows.masked_fill(~usable, 0), usable)
