"""Index matching and clustering of two views of one sequence (Kwon et al., MASA, eqs. 2 to 9)."""

from __future__ import annotations

import math
from typing import Any, Optional, Union

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.errors import ConfigError, ContractError
from mmsync.ops.masked import mean_over_ranks, valid_or_all
from mmsync.ops.precision import in_float32
from mmsync.ops.soft_matching import clip_cosine, expected_index, matched_cosine
from mmsync.registry import LOSSES

ERRORS = {"l1": F.l1_loss, "mse": F.mse_loss, "smooth_l1": F.smooth_l1_loss}
TAU_MIN = 0.01
"""Least temperature that is learned."""


@in_float32
def index_matching(
    first: Tensor, second: Tensor, index_first: Tensor, index_second: Tensor, valid_first: Optional[Tensor] = None,
    valid_second: Optional[Tensor] = None, temperature: Union[float, Tensor] = 0.1, kind: str = "l1",
    overlap_only: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Errors of soft indices in both directions (MASA, eqs. 4 and 5), as sums and numbers of frames.

    The loss of each pair (eq. 6) is ``(total / count).mean(0)``, that of all frames of a batch
    ``(total.sum(1) / count.sum(1)).mean()``. One matrix ``(N, T1, T2)`` of cosines serves both directions.

    Args:
        first: ``(N, T1, D)`` embeddings; normalized here.
        second: ``(N, T2, D)`` embeddings of the other view of the same sequences.
        index_first: ``(N, T1)`` source frame of each frame.
        index_second: ``(N, T2)``.
        valid_first: ``(N, T1)`` bool; ``None``: all. All valid frames count, also those that the other view lacks.
        valid_second: ``(N, T2)``.
        temperature: Temperature tau, above 0.
        kind: ``'l1'``, as printed; ``'mse'``; ``'smooth_l1'``, quadratic below an error of 1.
        overlap_only: Whether frames before the first and after the last one that the other view shows are left out.

    Returns:
        tuple: Sums ``(2, N)`` of the errors, of the frames of the first view and of the second, and their numbers
        ``(2, N)``. A direction whose other view has no valid frame has a count of 0.
    """
    valid = valid_or_all(valid_first, first), valid_or_all(valid_second, second)
    cosine = F.normalize(first, dim=-1) @ F.normalize(second, dim=-1).transpose(1, 2)
    sums, counts = [], []
    for matrix, (own, other), (true, shown) in (
        (cosine, valid, (index_first, index_second)),
        (cosine.transpose(1, 2), valid[::-1], (index_second, index_first)),
    ):
        found = expected_index(matrix, shown, other, temperature)
        usable = own & other.any(1, keepdim=True)
        if overlap_only:
            low, high = shown.float().masked_fill(~other, torch.inf), shown.float().masked_fill(~other, -torch.inf)
            usable = usable & (true >= low.amin(1, keepdim=True)) & (true <= high.amax(1, keepdim=True))
        error = ERRORS[kind](found, true.to(found.dtype), reduction="none")
        sums.append(error.masked_fill(~usable, 0).sum(1))
        counts.append(usable.sum(1))
    return torch.stack(sums), torch.stack(counts)


@in_float32
def ratio_combine(matching: Tensor, similarity: Tensor, eps: float = 1e-7, denom_min: float = 0.0) -> Tensor:
    """``2 Lm / ((1 + eps) + Lc)`` (MASA, eq. 9): ``Lm`` for a similarity of 1, about ``Lm * 2e7`` for one of -1.

    Args:
        matching: ``(...)`` losses ``Lm``.
        similarity: ``(...)`` cosines ``Lc``, -1 to 1.
        eps: Added to the denominator, above 0.
        denom_min: The denominator is at least this, and ``eps``. The gradient grows as ``1 / denominator^2``.
    """
    return 2 * matching / ((1 + eps) + similarity).clamp(min=max(denom_min, eps))


@LOSSES.register_module()
class IndexMatchingLoss(nn.Module):
    """MASA's loss of two views ``(N, T1, D)`` and ``(N, T2, D)`` of the same sequences (eqs. 2 to 9).

    Frames predict each other's source frame, ``Lm``; the embeddings of one view agree with those that the clustering
    predictor makes of the other, ``Lc``. Where the paper is silent or contradicts itself, the defaults are: a
    temperature, absolute errors, the positive cosine as a mean, and means over the batch before the ratio.

    Args:
        temperature: tau of eq. 2, above 0; where it starts if it is learned.
        kind: Error of indices, ``'l1'``, ``'mse'`` or ``'smooth_l1'``.
        reduction: ``'ratio_of_means'``: means of ``Lm`` and of ``Lc`` over the pairs of all ranks, then eq. 9;
            ``'mean_of_ratios'``: eq. 9 of each pair, then the mean. Pairs without a common frame do not count in the
            mean of ``Lc``; their own ratio has ``Lc = 0``.
        combine: ``'ratio'``, eq. 9; ``'sum'``, ``Lm - weight * Lc``.
        weight: Weight of ``Lc`` in a sum, 0 or more.
        normalize_index: Whether errors are measured in lengths of the sequence instead of frames.
        similarity: Eq. 8 is a ``'mean'`` over common frames, -1 to 1, or a ``'sum'``.
        overlap_only: Whether ``Lm`` leaves out frames outside of the other view's window, for windows that differ.
        stop_gradient: Whether ``Lc`` leaves the embeddings alone, so that it trains through the predictor only.
        denom_min: Least denominator of eq. 9, 0 to 1; 0 as printed.
        eps: epsilon of eq. 9, above 0.
        learn_temperature: Whether the logarithm of tau is a parameter; tau is then 0.01 or more.
        clip_token: ``'mean'``: ``Lc`` is the mean of eq. 8 and of the cosine of whole clips, means over their frames.
            ``None``: frames alone.

    Raises:
        ConfigError: A number out of range, or an unknown name.
    """

    def __init__(
        self, temperature: float = 0.1, kind: str = "l1", reduction: str = "ratio_of_means", combine: str = "ratio",
        weight: float = 1.0, normalize_index: bool = False, similarity: str = "mean", overlap_only: bool = False,
        stop_gradient: bool = True, denom_min: float = 0.0, eps: float = 1e-7, learn_temperature: bool = False,
        clip_token: Optional[str] = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if not temperature > 0 or not weight >= 0 or not 0 <= denom_min <= 1 or not 0 < eps < 1:
            text = "temperature and eps must be above 0, weight 0 or more, denom_min 0 to 1"
            raise ConfigError(f"IndexMatchingLoss: {temperature=}, {weight=}, {denom_min=}, {eps=}: {text}")
        for name, value, known in (
            ("kind", kind, ERRORS),
            ("reduction", reduction, ("ratio_of_means", "mean_of_ratios")),
            ("combine", combine, ("ratio", "sum")),
            ("similarity", similarity, ("mean", "sum")),
            ("clip_token", clip_token, (None, "mean")),
        ):
            if value not in known:
                raise ConfigError(f"IndexMatchingLoss: {name}={value!r}: use one of {', '.join(map(str, known))}")
        self.temperature, self.kind, self.reduction, self.combine = temperature, kind, reduction, combine
        self.weight, self.normalize_index, self.similarity = weight, normalize_index, similarity
        self.stop_gradient, self.denom_min, self.eps = stop_gradient, denom_min, eps
        self.overlap_only, self.clip_token = overlap_only, clip_token
        self.log_temperature = nn.Parameter(torch.tensor(math.log(temperature))) if learn_temperature else None

    def terms(
        self, first: Tensor, second: Tensor, first_clustered: Tensor, second_clustered: Tensor, index_first: Tensor,
        index_second: Tensor, valid_first: Optional[Tensor] = None, valid_second: Optional[Tensor] = None,
        length: Optional[Tensor] = None,
    ) -> dict[str, Tensor]:  # fmt: skip
        """The scalars ``matching``, ``similarity`` and ``total``, which is the loss; the same on every rank.

        Args:
            first: ``Z' (N, T1, D)``, projections of the frames of one view.
            second: ``Z'' (N, T2, D)``.
            first_clustered: ``H(Z') (N, T1, D)``.
            second_clustered: ``H(Z'') (N, T2, D)``.
            index_first: ``(N, T1)`` source frame of each frame.
            index_second: ``(N, T2)``.
            valid_first: ``(N, T1)`` bool; ``None``: all.
            valid_second: ``(N, T2)``.
            length: ``(N,)`` frames of the sequences, needed with ``normalize_index``.

        Raises:
            ContractError: No ``length`` with ``normalize_index``.
        """
        indices, masks = (index_first, index_second), (valid_first, valid_second)
        matching, usable = self._matching(first, second, indices, masks, length)
        fixed = (first.detach(), second.detach()) if self.stop_gradient else (first, second)
        one, matches = matched_cosine(fixed[0], second_clustered, *indices, *masks)
        two, _ = matched_cosine(fixed[1], first_clustered, *indices[::-1], *masks[::-1])
        similarity = (one + two) / 2
        if self.similarity == "mean":
            similarity = similarity / matches.clamp(min=1)
        if self.clip_token == "mean":
            clips = clip_cosine(fixed[0], second_clustered, *masks)
            clips = clips + clip_cosine(fixed[1], first_clustered, *masks[::-1])
            similarity = (similarity + clips / 2) / 2
        terms = {
            "matching": mean_over_ranks(matching, usable),
            "similarity": mean_over_ranks(similarity, matches > 0),
        }
        if self.reduction == "ratio_of_means":
            terms["total"] = self._combine(terms["matching"], terms["similarity"])
        else:
            terms["total"] = mean_over_ranks(self._combine(matching, similarity).masked_fill(~usable, 0), usable)
        return terms

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """``total`` of :meth:`terms`, whose arguments it takes; a scalar."""
        return self.terms(*args, **kwargs)["total"]

    def _matching(self, first: Tensor, second: Tensor, indices: tuple, masks: tuple, length: Optional[Tensor]) -> tuple:
        """``Lm (N,)`` of each pair, and whether both views have frames ``(N,)``."""
        if self.normalize_index:
            if length is None:
                raise ContractError("IndexMatchingLoss: normalize_index=True needs the lengths (N,) of the sequences")
            indices = tuple(x / length.to(x.device)[:, None] for x in indices)
        tau = self.temperature if self.log_temperature is None else self.log_temperature.exp().clamp(min=TAU_MIN)
        total, count = index_matching(first, second, *indices, *masks, tau, self.kind, self.overlap_only)
        return (total / count.clamp(min=1)).mean(0), (count > 0).all(0)

    def _combine(self, matching: Tensor, similarity: Tensor) -> Tensor:
        if self.combine == "ratio":
            return ratio_combine(matching, similarity, self.eps, self.denom_min)
        return matching - self.weight * similarity
