"""Streams of a skeleton clip: joints, bones, motion, and their concatenation."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor

STREAMS = ("joint", "bone", "motion", "bone_motion")


def parse_stream(stream: str) -> tuple[str, ...]:
    """Split a stream into its parts.

    Args:
        stream: ``'joint'``, ``'bone'``, ``'motion'``, ``'bone_motion'``, or several joined by ``+``.

    Raises:
        ValueError: A part is unknown or occurs twice.
    """
    parts = tuple(part.strip() for part in stream.split("+"))
    unknown = [part for part in parts if part not in STREAMS]
    if unknown or len(set(parts)) < len(parts):
        raise ValueError(f"stream {stream!r} is not made of different parts of {', '.join(STREAMS)}, joined by '+'")
    return parts


def bone_stream(x: Tensor, parents: Tensor, num_coords: int = 3) -> Tensor:
    """Bones: each joint minus its parent, at the joint's own index; a root's is zero.

    Args:
        x: Joints ``(N, M, T, V, C)``, in any unit of length.
        parents: ``(V,)`` int64, the parent of each joint; a root is its own.
        num_coords: Coordinates, in [1, C]; channels behind them are scores, and a bone's is the mean of its ends'.

    Returns:
        Tensor: ``(N, M, T, V, C)``.
    """
    # One gather along a frame's V*C numbers: twice as fast as selecting joints of three numbers each.
    number = (parents[:, None] * x.shape[-1] + torch.arange(x.shape[-1], device=x.device)).flatten()
    parent = x.flatten(3).gather(3, number.expand(*x.shape[:3], -1)).view_as(x)
    if num_coords == x.shape[-1]:
        return x - parent
    scores = (x[..., num_coords:] + parent[..., num_coords:]) / 2
    return torch.cat([x[..., :num_coords] - parent[..., :num_coords], scores], dim=-1)


def motion_stream(x: Tensor, num_coords: int = 3) -> Tensor:
    """Motion: the next frame minus this one; zero in the last frame.

    Args:
        x: Joints or bones ``(N, M, T, V, C)``; the result is in their unit a frame.
        num_coords: Coordinates, in [1, C]; of the scores behind them, the mean of both frames is taken.

    Returns:
        Tensor: ``(N, M, T, V, C)``.
    """
    motion = torch.zeros_like(x)
    now, after = x[:, :, :-1], x[:, :, 1:]
    motion[:, :, :-1] = after - now
    if num_coords < x.shape[-1]:
        motion[:, :, :-1, :, num_coords:] = (after[..., num_coords:] + now[..., num_coords:]) / 2
    return motion


def recenter(x: Tensor, mask: Optional[Tensor], joint: int, num_coords: int = 3, per_person: bool = False) -> Tensor:
    """Translate clips so that a joint of the first person, or of each, starts in the origin.

    Args:
        x: ``(N, M, T, V, C)``.
        mask: ``(N, M)`` bool, who is there: absent persons stay zero. ``None``: all.
        joint: Index of the joint, in [0, V).
        num_coords: Coordinates, in [1, C]; scores behind them stay.
        per_person: Whether each person moves on its own, so that their distance is lost.

    Returns:
        Tensor: ``(N, M, T, V, C)``.
    """
    origin = x[:, : None if per_person else 1, :1, joint : joint + 1].clone()
    origin[..., num_coords:] = 0
    return x - (origin if mask is None else origin * mask[:, :, None, None, None])


def to_stream(x: Tensor, stream: str, parents: Tensor, num_coords: int = 3) -> Tensor:
    """Turn joints into a stream, or into several that are joined along C.

    Args:
        x: ``(N, M, T, V, C)``.
        stream: As :func:`parse_stream` takes it, of S parts.
        parents: ``(V,)`` int64, see :func:`bone_stream`.
        num_coords: Coordinates, in [1, C].

    Returns:
        Tensor: ``(N, M, T, V, S * C)``.

    Raises:
        ValueError: An unknown stream.
    """
    parts = parse_stream(stream)
    out = []
    bone = bone_stream(x, parents, num_coords) if any(part.startswith("bone") for part in parts) else x
    for part in parts:
        base = bone if part.startswith("bone") else x
        out.append(motion_stream(base, num_coords) if part.endswith("motion") else base)
    return out[0] if len(out) == 1 else torch.cat(out, dim=-1)
