"""Persons of a batch: folded into the batch axis, with or without those who are absent."""

from __future__ import annotations

from typing import NamedTuple, Optional

import torch
from torch import Tensor


class PackedPersons(NamedTuple):
    """Rows of a batch, one a person that is computed; for other modalities one a sample.

    Attributes:
        data: ``(P, ...)``.
        owner: ``(P,)`` int64, the sample that each row belongs to, in ascending order.
        num_samples: N.
        present: ``(P,)`` bool, False for persons that are computed though absent; ``None`` if every row counts.
    """

    data: Tensor
    owner: Tensor
    num_samples: int
    present: Optional[Tensor] = None


def pack_persons(x: Tensor, mask: Optional[Tensor] = None, skip_absent: bool = True) -> PackedPersons:
    """Folds persons into the batch axis.

    Args:
        x: ``(N, M, ...)``.
        mask: ``(N, M)`` bool, True where a person is there; ``None`` means everywhere.
        skip_absent: Whether absent persons are left out, so that nothing is computed for them. Otherwise ``data`` is a
            view of ``x``.

    Returns:
        PackedPersons: ``data (P, ...)`` with P the number of persons present, or ``N * M``.
    """
    n, m = x.shape[:2]
    owner = torch.arange(n, device=x.device).repeat_interleave(m)
    x = x.flatten(0, 1)
    if mask is None:
        return PackedPersons(x, owner, n)
    mask = mask.reshape(-1)
    if not skip_absent:
        return PackedPersons(x, owner, n, mask)
    rows = mask.nonzero().squeeze(1)
    if len(rows) == n * m:
        return PackedPersons(x, owner, n)
    return PackedPersons(x[rows], owner[rows], n)


def mean_persons(packed: PackedPersons, count_absent: bool = False) -> Tensor:
    """Mean over each sample's persons; zero for a sample with nobody.

    Args:
        packed: With ``data (P, D)``.
        count_absent: Whether rows of absent persons count too.

    Returns:
        Tensor: ``(N, D)``.
    """
    data, owner, n, present = packed
    if count_absent or present is None:
        weight = data.new_ones(len(data))
    else:
        weight = present.to(data.dtype)
    count = data.new_zeros(n).index_add(0, owner, weight).clamp(min=1)
    return data.new_zeros(n, data.shape[1]).index_add(0, owner, data * weight[:, None]) / count[:, None]


def joint_features(packed: PackedPersons, count_absent: bool = False) -> Tensor:
    """Mean over frames, joints side by side, mean over persons.

    Args:
        packed: With a feature map ``(P, D, T', V')``.
        count_absent: As for :func:`mean_persons`.

    Returns:
        Tensor: ``(N, V' * D)``, all channels of the first joint first.
    """
    return mean_persons(packed._replace(data=packed.data.mean(2).transpose(1, 2).flatten(1)), count_absent)
