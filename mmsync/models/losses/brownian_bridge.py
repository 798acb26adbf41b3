"""Video as a Brownian bridge (Zhang et al., 2023, VSP)."""

from __future__ import annotations

from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.errors import ConfigError, DataError
from mmsync.ops.dist import all_gather, rank
from mmsync.ops.distances import squared_distances
from mmsync.ops.draws import draw_triplets
from mmsync.ops.masked import valid_or_all
from mmsync.ops.precision import in_float32
from mmsync.registry import LOSSES


@in_float32
def brownian_bridge(points: Tensor, times: Tensor, variance: str = "paper", normalize: bool = True) -> Tensor:
    """Contrast of the middle of bridges with points of other bridges (Zhang et al., 2023, VSP, eqs. 3 and 4), ``(Q,)``.

    At the share ``a = (p - h) / (t - h)`` of a bridge from ``z_h`` to ``z_t``, a point has the logit
    ``-|z - (1 - a) z_h - a z_t|^2 / (2 var)``. The loss is the cross entropy of ``z_p`` among itself and all points of
    the other triplets, of all ranks and with gradient. Memory: ``3 Q^2`` logits per rank.

    Args:
        points: ``(Q, 3, D)`` embeddings of head, middle and tail; the same Q on every rank.
        times: ``(Q, 3)`` source frames h < p < t.
        variance: ``'paper'``: ``a (t - p)``, the variance of the bridge; ``'release'``: its square, since the released
            code takes it for the standard deviation.
        normalize: Whether to normalize embeddings to unit vectors.
    """
    if normalize:
        points = F.normalize(points, dim=2)
    head, middle, tail = times.to(points.dtype).unbind(1)
    share = ((middle - head) / (tail - head))[:, None]
    spread = (share[:, 0] * (tail - middle)).clamp(min=1e-6)  # of repeated frames it would be 0
    if variance == "release":
        spread = spread.square()
    bridge = torch.lerp(points[:, 0], points[:, 2], share)
    everyone = all_gather(points, with_grad=True).flatten(0, 1)
    logits = -squared_distances(bridge[None], everyone[None])[0] / (2 * spread[:, None])
    own = 3 * (torch.arange(len(points), device=points.device) + rank() * len(points))[:, None]
    ends = torch.cat([own, own + 2], 1)
    logits = logits.scatter(1, ends, torch.full_like(ends, float("-inf"), dtype=logits.dtype))
    return F.cross_entropy(logits, own[:, 0] + 1, reduction="none")


@LOSSES.register_module()
class BrownianBridgeLoss(nn.Module):
    """Brownian bridges in sequences ``(N, T, D)``, see :func:`brownian_bridge`; triplets are drawn in each call.

    Args:
        variance: ``'paper'`` or ``'release'``.
        segments: Triplets of a sequence, one from each segment, see :func:`draw_triplets`: 1 for Penn Action, 5 for
            Pouring.
        overlap: Share of a segment that is also in the next one, 0 or more and below 1.
        normalize: Whether to normalize embeddings to unit vectors.

    Raises:
        ConfigError: A number out of range, or an unknown variance.
    """

    def __init__(
        self, variance: str = "paper", segments: int = 1, overlap: float = 0.2, normalize: bool = True
    ) -> None:
        super().__init__()
        if variance not in ("paper", "release"):
            raise ConfigError(f"BrownianBridgeLoss: variance={variance!r}: give 'paper' or 'release'")
        if segments < 1 or not 0 <= overlap < 1:
            numbers = f"{segments=}, {overlap=}"
            raise ConfigError(f"BrownianBridgeLoss: {numbers}: give at least 1 segment, and an overlap in [0, 1)")
        self.variance, self.segments, self.overlap, self.normalize = variance, segments, overlap, normalize

    def forward(
        self,
        frames: Tensor,
        index: Tensor,
        valid: Optional[Tensor] = None,
        generator: Optional[torch.Generator] = None,
    ) -> Tensor:
        """Mean over the triplets of sequences ``(N, T, D)``, the same N on every rank, a scalar; ``index (N, T)``.

        Raises:
            DataError: A sequence of fewer than three valid frames.
        """
        valid = valid_or_all(valid, frames)
        shortest, least = int(valid.sum(1).argmin()), int(valid.sum(1).min())
        if least < 3:
            raise DataError(f"sequence {shortest} of the batch has {least} frames; a bridge needs 3")
        at = draw_triplets(valid, self.segments, self.overlap, generator).flatten(1)
        points = frames.gather(1, at[..., None].expand(-1, -1, frames.shape[2])).view(-1, 3, frames.shape[2])
        return brownian_bridge(points, index.gather(1, at).view(-1, 3), self.variance, self.normalize).mean()
