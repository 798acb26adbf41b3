"""Masks of joints and frames, drawn once for a batch: what methods hide, or exchange between clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Generator, Tensor


def joint_degrees(num_joints: int, edges: Sequence[tuple[int, int]]) -> Tensor:
    """Number of bones at each joint, ``(V,)`` int64; at least 1."""
    ends = torch.tensor(list(edges), dtype=torch.long, device="cpu").flatten()  # models are also built on "meta"
    return torch.bincount(ends, minlength=num_joints).clamp(min=1)


def draw_central_joints(degrees: Tensor, draws: int, generator: Optional[Generator] = None) -> Tensor:
    """Draw joints by their centrality (Zhou et al., 2023, PSTL): each is in the urn once for each of its bones.

    Args:
        degrees: ``(V,)`` int64, see :func:`joint_degrees`.
        draws: Draws without replacement; a joint with several bones may be drawn again, so the joints may be fewer.
        generator: On the CPU; ``None``: torch's default one.

    Returns:
        Tensor: ``(J,)`` int64, different joints in ascending order, 1 to ``draws`` of them.
    """
    urn = torch.arange(len(degrees)).repeat_interleave(degrees)
    return urn[torch.randperm(len(urn), generator=generator)[:draws]].unique()


def frame_motion(x: Tensor) -> Tensor:
    """Mean squared motion ``(N, T)`` of clips ``(N, M, T, V, C)`` from each frame to the next one; 0 in the last."""
    return F.pad((x[:, :, 1:] - x[:, :, :-1]).square().mean((1, 3, 4)), (0, 1))


def draw_calm_frames(
    motion: Tensor, masked: int, kept: Optional[Tensor] = None, generator: Optional[Generator] = None
) -> Tensor:
    """Frames that are left without those of largest motion, and as many others (Zhou et al., 2023, PSTL).

    Args:
        motion: ``(N, T)``, see :func:`frame_motion`.
        masked: Frames to mask by their motion, and then again at random; below T / 2.
        kept: ``(T - 2 * masked,)`` int64, ascending, which of the calm ones stay, in ``[0, T - masked)``; ``None``:
            they are drawn, the same for all clips.
        generator: On the CPU; ``None``: torch's default one.

    Returns:
        Tensor: ``(N, T - 2 * masked)`` int64, ascending.
    """
    calm = motion.topk(motion.shape[1] - masked, 1, largest=False).indices.sort(1).values
    if kept is None:
        kept = torch.randperm(calm.shape[1], generator=generator)[: calm.shape[1] - masked].sort().values
    return calm[:, kept.to(calm.device)]


def draw_joints_of_frames(frames: int, joints: int, masked: int, generator: Optional[Generator] = None) -> Tensor:
    """Draw ``masked`` of the joints of each frame: a mask ``(T, V)`` bool (Zhang et al., 2023, HiCLR)."""
    order = torch.rand(frames, joints, generator=generator).argsort(1)
    return torch.zeros(frames, joints, dtype=torch.bool).scatter_(1, order[:, :masked], True)


def draw_part_block(
    parts: Sequence[Sequence[int]], joints: int, frames: int, num_parts: tuple[int, int] = (2, 3),
    block: tuple[int, int] = (7, 11), units: int = 16, generator: Optional[Generator] = None,
) -> Tensor:  # fmt: skip
    """Draw body parts and a block of time: a mask ``(T, V)`` bool (Chen et al., 2022, SkeleMixCLR).

    Args:
        parts: Joints of each part.
        joints: Number of joints V.
        frames: Number of frames T.
        num_parts: Fewest and most parts.
        block: Shortest and longest block, in units of the clip.
        units: Equal pieces of the clip at whose ends a block begins and ends.
        generator: On the CPU; ``None``: torch's default one.
    """

    def whole(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    chosen = torch.randperm(len(parts), generator=generator)[: whole(*num_parts)].tolist()
    length = whole(*block)
    start = whole(0, units - length)
    unit = torch.arange(frames) * units // frames
    in_space = torch.zeros(joints, dtype=torch.bool)
    in_space[[joint for part in chosen for joint in parts[part]]] = True
    return ((unit >= start) & (unit < start + length))[:, None] & in_space


def region_weight(region: Tensor, frames: int, places: int) -> Tensor:
    """Weights ``(T', V')``, of mean 1, with which the mean of a map is that over a ``region (T, V)`` of its clip.

    A place weighs as much as its share of the region; all weights of an empty region are 0.
    """
    share = F.adaptive_avg_pool2d(region[None].float(), (frames, places))[0]
    return share / share.mean().clamp(min=torch.finfo(share.dtype).tiny)
