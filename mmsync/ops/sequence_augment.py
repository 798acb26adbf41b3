"""Numbers behind the augmentations of sequences: which frames to keep, noise along time, limbs that turn."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def choose_frames(score: Tensor, among: Tensor, count: Tensor) -> Tensor:
    """Choose frames without replacement, those of the lowest score.

    Args:
        score: ``(N, T)``, iid uniform for a uniform choice.
        among: ``(N,)`` int; only the first frames, so many, can be chosen.
        count: ``(N,)`` int, how many to choose, at most ``among``.

    Returns:
        Tensor: ``(N, T)`` bool.
    """
    rank = torch.arange(score.shape[1], device=score.device)
    order = score.masked_fill(rank >= among[:, None], math.inf).argsort(1)
    return torch.zeros_like(score, dtype=torch.bool).scatter_(1, order, rank < count[:, None])


def repeat_frames(copies: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Places of a sequence in which frame t stands ``copies[n, t]`` times, 0 leaving it out.

    Args:
        copies: ``(N, T)`` int.
        size: Places T' of the result; what is beyond is cut.

    Returns:
        tuple: The frame in each place ``(N, T')`` int64, the last frame behind the end; whether it is a second copy
        ``(N, T')`` bool; and the number of places filled ``(N,)``.
    """
    ends = copies.cumsum(1)
    place = torch.arange(size, device=copies.device).expand(len(copies), -1).contiguous()
    frame = torch.searchsorted(ends, place, right=True).clamp_(max=copies.shape[1] - 1)
    start = (ends - copies).gather(1, frame)
    filled = ends[:, -1].clamp(max=size)
    return frame, (place > start) & (place < filled[:, None]), filled


def sorted_choice(score: Tensor, length: Tensor, size: int) -> Tensor:
    """``size`` of the first ``length (N,)`` frames, ascending, without replacement while there are enough.

    From a shorter sequence they are spread evenly, ``floor(i * length / size)``, so that each frame occurs.

    Args:
        score: ``(N, W)`` iid uniform, W at least ``size`` and every length.
        length: ``(N,)`` int, at least 1.
        size: Number of frames.

    Returns:
        Tensor: ``(N, size)`` int64.
    """
    rank = torch.arange(score.shape[1], device=score.device)
    chosen = (
        score.masked_fill(rank >= length[:, None], math.inf).topk(size, dim=1, largest=False).indices.sort(1).values
    )
    return torch.where(length[:, None] >= size, chosen, rank[:size] * length[:, None] // size)


def correlated_noise(white: Tensor, level: Tensor, valid: Tensor, variance: float) -> Tensor:
    """Gaussian noise along time of covariance ``variance * (1 - |i - j| / (2 L))``, L valid frames (CASA).

    That is a sum over a window of 2 L white numbers that moves with the frame, so it takes O(T) and no Cholesky factor.

    Args:
        white: ``(N, T, 2, K)`` standard normal, what enters the window and what leaves it.
        level: ``(N, K)`` standard normal, the part that all frames share.
        valid: ``(N, T)`` bool; the other frames are zero.
        variance: Variance of each number.

    Returns:
        Tensor: ``(N, T, K)``.
    """
    mask = valid[..., None]
    length = mask.sum(1, keepdim=True).clamp(min=1)
    enter, leave = (white.masked_fill(~mask[..., None], 0)).unbind(2)
    step = enter - leave
    total = level[:, None] * length.sqrt() + leave.sum(1, keepdim=True) + step.cumsum(1) - step
    return total * mask * (variance / (2 * length)).sqrt()


def moving_average(x: Tensor, width: int) -> Tensor:
    """Mean over frames ``t - width // 2`` to ``t + (width - 1) // 2`` of ``x (N, T, K)``, zeros beyond the ends."""
    padded = F.pad(x.transpose(1, 2), (width // 2, (width - 1) // 2))
    return F.avg_pool1d(padded, width, stride=1).transpose(1, 2)


def ancestors(parents: Sequence[int]) -> Tensor:
    """``(V, V)`` bool: entry (v, u) says whether joint u is on the way from the root to joint v, v included."""
    step = torch.zeros(len(parents), len(parents), dtype=torch.bool)
    step[torch.arange(len(parents)), torch.tensor(parents)] = True
    reach = torch.eye(len(parents), dtype=torch.bool) | step
    for _ in range(max(len(parents) - 1, 1).bit_length()):  # each product doubles the generations
        reach = (reach.float() @ reach.float()) > 0
    return reach


def turn_points(points: Tensor, rotation: Tensor) -> Tensor:
    """Turn points ``(..., C)`` by rotation vectors ``(..., 3)`` in radians, in 2D by angles ``(..., 1)``."""
    if points.shape[-1] == 2:
        (x, y), (cos, sin) = points.unbind(-1), (rotation[..., 0].cos(), rotation[..., 0].sin())
        return torch.stack([cos * x - sin * y, sin * x + cos * y], -1)
    angle = torch.linalg.vector_norm(rotation, dim=-1, keepdim=True) / math.pi
    across = torch.linalg.cross(rotation, points)
    # sin(a) / a and (1 - cos(a)) / a^2, which are smooth at zero
    return points + angle.sinc() * across + 0.5 * (angle / 2).sinc() ** 2 * torch.linalg.cross(rotation, across)


def turn_limbs(x: Tensor, rotation: Tensor, parents: Sequence[int]) -> Tensor:
    """Turn the limbs of skeletons about their joints; bones keep their lengths, roots their places.

    A bone turns by the sum of the rotation vectors of the joints above it, which is the product of small rotations to
    first order, and needs no loop along the tree.

    Args:
        x: Joints ``(..., V, C)``, C = 2 or 3.
        rotation: Rotation of what hangs on each joint, ``(..., V, 3)`` in radians; ``(..., V, 1)`` in 2D.
        parents: Parent of each joint, ``(V,)``; a root is its own parent.

    Returns:
        Tensor: ``(..., V, C)``.
    """
    parent = torch.tensor(parents, device=x.device)
    reach = ancestors(parents).to(x.device)
    root = (parent == torch.arange(len(parents), device=x.device))[:, None]
    above = reach & ~torch.eye(len(parents), dtype=torch.bool, device=x.device)
    bones = torch.where(root, x, x - x[..., parent, :])
    return _mix_joints(reach, turn_points(bones, _mix_joints(above, rotation)))


def _mix_joints(weight: Tensor, x: Tensor) -> Tensor:
    """``weight (V, V) @ x (..., V, C)`` as one product of matrices instead of one for each frame."""
    return F.linear(x.transpose(-1, -2), weight.to(x.dtype)).transpose(-1, -2)
