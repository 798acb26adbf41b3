"""Labeled subsets for semi-supervised and one-shot evaluation: which clips keep their label."""

from __future__ import annotations

import torch
from torch import Tensor


def stratified_subset(labels: Tensor, share: float, seed: int = 0) -> Tensor:
    """Choose ``round(share * n_c)`` clips of each class c (half to even), but at least one of each.

    The rule of CrosSCLR and AimCLR (Li et al., 2021; Guo et al., 2022), which take none of a class of fewer than
    ``0.5 / share`` clips; no class of NTU RGB+D is that small.

    Args:
        labels: ``(n,)`` int64; clips with label -1 are not taken.
        share: In (0, 1].
        seed: Of the choice.

    Returns:
        Tensor: Places ``(m,)`` int64 in ``labels``, ascending.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = [labels.new_zeros(0)]
    for label in labels[labels >= 0].unique().tolist():
        places = (labels == label).nonzero().flatten()
        count = max(1, round(share * len(places)))
        chosen.append(places[torch.randperm(len(places), generator=generator)[:count]])
    return torch.cat(chosen).sort().values


def uniform_subset(labels: Tensor, share: float, seed: int = 0) -> Tensor:
    """Choose ``int(share * n)`` of the n labeled clips (Mao et al., 2023, MAMP); a class may get none.

    Args:
        labels: ``(n,)`` int64; clips with label -1 are not taken.
        share: In (0, 1].
        seed: Of the choice.

    Returns:
        Tensor: Places ``(m,)`` int64 in ``labels``, ascending.
    """
    generator = torch.Generator().manual_seed(seed)
    places = (labels >= 0).nonzero().flatten()
    return places[torch.randperm(len(places), generator=generator)[: int(share * len(places))]].sort().values


def exemplars(labels: Tensor, seed: int = 0) -> Tensor:
    """Choose one random clip of each class.

    Args:
        labels: ``(n,)`` int64; clips with label -1 are not taken.
        seed: Of the choice.

    Returns:
        Tensor: Places ``(classes,)`` int64 in ``labels``, by ascending class.
    """
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    classes = labels[labels >= 0].unique()
    return order[(labels[order][None] == classes[:, None]).int().argmax(dim=1)]
