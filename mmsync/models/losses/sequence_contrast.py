"""Sequence contrastive loss (Chen et al., 2022, Contrastive Action Representation Learning, CARL, SCL)."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.ops.dist import gather_padded, rank
from mmsync.ops.distances import frame_cosines, unit_frames
from mmsync.ops.masked import mask_logits, mean_over_ranks, valid_or_all
from mmsync.ops.precision import in_float32
from mmsync.registry import LOSSES

NEGATIVES = ("single_noself", "batch_noself", "single")


@in_float32
def sequence_contrast(
    logits: Tensor, distance: Tensor, valid_other: Tensor, variance: float, extra: Optional[Tensor] = None,
    eps: float = 1e-6,
) -> Tensor:  # fmt: skip
    """Divergence ``(N, T1)`` of each frame's matches in the other view from a Gaussian of time (CARL, SCL).

    ``sum_j p_j (log p_j - log(q_j + eps))`` with ``p`` proportional to ``exp(-distance^2 / (2 variance))`` and ``q``
    the softmax of the logits.

    Args:
        logits: ``(N, T1, T2)``, cosines over the temperature.
        distance: ``(N, T1, T2)`` frames between the frames in the video.
        valid_other: ``(N, T2)`` bool.
        variance: Of the Gaussian, in squared frames, above 0.
        extra: ``(N, T1, K)`` logits of more negatives, in the sum of ``q`` only.
        eps: Added to ``q``.
    """
    near = -distance.detach().to(logits.dtype).square() / (2 * variance)
    target = mask_logits(near, valid_other[:, None]).softmax(-1)
    logits = mask_logits(logits, valid_other[:, None])
    everything = logits if extra is None else torch.cat([logits, extra], -1)
    q = (logits - everything.logsumexp(-1, keepdim=True)).exp()
    return (torch.xlogy(target, target) - target * (q + eps).log()).sum(-1)


@LOSSES.register_module()
class SequenceContrastLoss(nn.Module):
    """Contrast of two views ``(N, T1, D)`` and ``(N, T2, D)`` of the same videos (Chen et al., 2022, CARL, SCL).

    Each frame's matches in the other view follow a Gaussian of their distance in time, in source frames. The mean over
    the valid frames of both views. In the released code padding has a weight of 1e-6 among the negatives; here none.

    Args:
        negatives: ``'single_noself'``: frames of the other view of the same video; ``'batch_noself'``: also those of
            both views of other videos, of all ranks; ``'single'``: also those of the own view, with the frame itself.
        temperature: Temperature tau, above 0.
        variance: Of the Gaussian, in squared frames, above 0.

    Raises:
        ConfigError: A number out of range, or an unknown name.
    """

    def __init__(self, negatives: str = "single_noself", temperature: float = 0.1, variance: float = 10.0) -> None:
        super().__init__()
        if negatives not in NEGATIVES:
            raise ConfigError(f"SequenceContrastLoss: {negatives=}: use one of {', '.join(NEGATIVES)}")
        if not temperature > 0 or not variance > 0:
            raise ConfigError(f"SequenceContrastLoss: {temperature=}, {variance=}: both must be above 0")
        self.negatives, self.temperature, self.variance = negatives, temperature, variance

    def forward(
        self, first: Tensor, second: Tensor, index_first: Tensor, index_second: Tensor,
        valid_first: Optional[Tensor] = None, valid_second: Optional[Tensor] = None,
    ) -> Tensor:  # fmt: skip
        """Loss of a batch, a scalar; the same on every rank.

        Args:
            first: ``(N, T1, D)`` embeddings of one view; normalized here. N is the same on every rank.
            second: ``(N, T2, D)`` of the other.
            index_first: ``(N, T1)`` source frame of each frame.
            index_second: ``(N, T2)``.
            valid_first: ``(N, T1)`` bool; ``None``: all.
            valid_second: ``(N, T2)``.
        """
        valid = valid_or_all(valid_first, first), valid_or_all(valid_second, second)
        views = unit_frames(first), unit_frames(second)
        distance = (index_first[..., None] - index_second[:, None]).abs()
        bank = None
        if self.negatives == "batch_noself":
            usable = gather_padded(torch.cat(valid, 1).to(torch.uint8)).bool()
            bank = gather_padded(torch.cat(views, 1), with_grad=True), usable
        sums, counts = [], []
        for own, gap in ((0, distance), (1, distance.transpose(1, 2))):
            logits = frame_cosines(views[own], views[1 - own], self.temperature)
            extra = self._extra(views[own], valid[own], bank)
            rows = sequence_contrast(logits, gap, valid[1 - own], self.variance, extra)
            usable = valid[own] & valid[1 - own].any(1, keepdim=True)
            sums.append(rows.masked_fill(~usable, 0).sum())
            counts.append(usable.sum())
        return mean_over_ranks(torch.stack(sums), torch.stack(counts))

    def _extra(self, view: Tensor, valid: Tensor, bank: Optional[tuple[Tensor, Tensor]]) -> Optional[Tensor]:
        """Logits ``(N, T, K)`` of the negatives that are not in the other view."""
        if self.negatives == "single":
            return mask_logits(frame_cosines(view, view, self.temperature), valid[:, None])
        if bank is None:
            return None
        frames, usable = bank
        own = torch.arange(len(view), device=view.device) + rank() * len(view)
        others = torch.arange(len(frames), device=view.device) != own[:, None]
        logits = frame_cosines(view, frames.flatten(0, 1)[None], self.temperature)
        return mask_logits(logits, (others[..., None] & usable).flatten(1)[:, None])
