"""Batches of sequences that differ in length, for tests of losses with masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def arrays(root: Path, name: str) -> dict[str, Tensor]:
    """Reference numbers of alignment, by name."""
    with np.load(root / "alignment" / f"{name}.npz") as file:
        return {key: torch.from_numpy(np.asarray(file[key])) for key in file.files}


def pad(rows: list[Tensor], more: int = 0, value: float = 7.5) -> Tensor:
    """Rows ``(T_i, ...)`` as a batch ``(N, T + more, ...)``, padded by a number that is not 0."""
    out = rows[0].new_full((len(rows), max(map(len, rows)) + more, *rows[0].shape[1:]), value)
    for place, row in zip(out, rows):
        place[: len(row)] = row
    return out


def mask(rows: list[Tensor], more: int = 0) -> Tensor:
    """Which frames of :func:`pad` are valid."""
    return pad([torch.ones(len(row)) for row in rows], more, 0).bool()


def embeddings(lengths: list[int], channels: int = 6, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, channels, dtype=torch.float64, generator=generator) for n in lengths]


def indices(lengths: list[int], frames: int = 15, seed: int = 0) -> list[Tensor]:
    """Sorted source frames, without repetition."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randperm(frames, generator=generator)[:n].sort().values.double() for n in lengths]
