"""Random frames and cycles of padded batches of sequences, of which losses are estimated."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Generator, Tensor


def draw_margins(valid: Tensor, delta: float, generator: Optional[Generator] = None) -> Tensor:
    """Draw margins to the left and right of frames, ``(P, N, 2)``: 1 to ``ceil(delta * length)`` frames, uniformly.

    Args:
        valid: ``(P, N)`` bool.
        delta: Largest margin, as a share of the length; above 0.
        generator: Of the draws; ``None``: torch's default one.
    """
    p, n = valid.shape
    device = valid.device if generator is None else generator.device
    # frames come first, so that padding changes no draw
    uniform = torch.rand(n, p, 2, generator=generator, device=device).to(valid.device)
    largest = (delta * valid.sum(1)).ceil()
    return ((uniform * largest[:, None]).floor() + 1).transpose(0, 1)


def draw_cycles(
    valid: Tensor, cycles: int, length: int = 2, group: Optional[Tensor] = None, generator: Optional[Generator] = None
) -> tuple[Tensor, Tensor]:
    """Draw the sequences of random cycles, all different, and the frames from which they start (TCC's stochastic form).

    Args:
        valid: ``(N, T)`` bool.
        cycles: C, number of cycles.
        length: L, sequences in a cycle, at least 2.
        group: ``(N,)`` activities; all sequences of a cycle have the same one. ``None``: all sequences do.
        generator: Of the device of ``valid``; ``None``: torch's global one.

    Returns:
        tuple: Sequences ``(C, L)`` and frames ``(C,)``, int64; C is 0 if no group has L sequences with valid frames.
    """
    rows = valid.any(1)
    group = torch.zeros_like(rows, dtype=torch.long) if group is None else group.to(valid.device)
    partners = (group[:, None] == group) & rows[:, None] & rows
    starts = (partners.sum(1) >= length).to(torch.float32)
    if not starts.any():
        empty = group.new_zeros(0, dtype=torch.long)
        return empty.new_zeros(0, length), empty
    start = starts.multinomial(cycles, replacement=True, generator=generator)
    order = torch.rand(cycles, len(valid), generator=generator, device=valid.device)
    order = order.masked_fill(~partners[start], -1).scatter(1, start[:, None], 2)  # the start comes first
    return order.topk(length, 1).indices, valid[start].float().multinomial(1, generator=generator)[:, 0]


def draw_triplets(
    valid: Tensor, segments: int = 1, overlap: float = 0.2, generator: Optional[Generator] = None
) -> Tensor:
    """Draw three different frames, in order, from each segment of each sequence.

    Segments have equal lengths, cover the valid frames, and share ``overlap`` of a segment with the next one; those of
    short sequences are widened to three frames.

    Args:
        valid: ``(N, T)`` bool, valid frames first, at least three of each sequence.
        segments: Segments S of a sequence.
        overlap: Share of a segment, 0 or more and below 1.
        generator: Of the draws; ``None``: torch's default one.

    Returns:
        Tensor: ``(N, S, 3)`` int64, positions on the axis T.
    """
    frames = valid.sum(1)
    size = frames[:, None] / (1 + (segments - 1) * (1 - overlap))
    start = torch.arange(segments, device=valid.device) * size * (1 - overlap)
    begin = torch.minimum(start.floor().long(), frames[:, None] - 3)
    end = torch.maximum((start + size - 1e-3).ceil().long(), begin + 3)
    at = torch.arange(valid.shape[1], device=valid.device)
    inside = (at >= begin[..., None]) & (at < end[..., None]) & valid[:, None]
    device = valid.device if generator is None else generator.device
    keys = torch.rand(len(at), *begin.shape, generator=generator, device=device).to(valid.device)
    return keys.movedim(0, 2).masked_fill(~inside, -1).topk(3, 2).indices.sort(2).values
