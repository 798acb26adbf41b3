"""Measures of frozen features: nearest neighbors, retrieval, and collapse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmsync.errors import ProtocolError
from mmsync.ops.scaling import Scaling, Standardize


@torch.no_grad()
def knn_classify(
    bank: Tensor, bank_labels: Tensor, query: Tensor, num_classes: int, k: int = 20, temperature: float = 0.1,
    standardize: Standardize = False, chunk_size: int = 1024,
) -> Tensor:  # fmt: skip
    """Score the classes of each query by its ``k`` most similar bank samples.

    Each votes for its class by ``exp(cos / temperature)`` (Wu et al., CVPR 2018, section 3.4). ``k=1`` is cosine 1-NN.

    Args:
        bank: ``(B, D)``, not necessarily normalized.
        bank_labels: ``(B,)`` int64 in ``[0, num_classes)``.
        query: ``(Q, D)``.
        num_classes: Number of classes.
        k: Neighbors that vote; a smaller bank votes as a whole.
        temperature: Above 0; smaller values favor the nearest.
        standardize: How to prepare the features, see :class:`Scaling`.
        chunk_size: Queries that are compared at a time, with ``chunk_size * len(bank)`` floats of working space.

    Returns:
        ``(Q, num_classes)`` scores, each row relative to its nearest neighbor's weight, which counts 1.

    Raises:
        ProtocolError: The bank is empty, or ``k`` or ``temperature`` is not positive.
    """
    if len(bank) == 0 or k < 1 or temperature <= 0:
        found = f"{len(bank)} samples, {k=}, {temperature=}"
        raise ProtocolError(f"KNN needs at least one bank sample, k >= 1 and temperature > 0, not {found}")
    if standardize:
        scaling = Scaling.of(bank, standardize)
        bank, query = scaling(bank), scaling(query)
    bank = F.normalize(bank, dim=1)
    scores = query.new_zeros(len(query), num_classes)
    for start in range(0, len(query), chunk_size):
        similarity = F.normalize(query[start : start + chunk_size], dim=1) @ bank.T
        nearest, index = similarity.topk(min(k, len(bank)), dim=1)
        # relative to the nearest: the same ranking, and no overflow at a small temperature
        weight = ((nearest - nearest[:, :1]) / temperature).exp()
        scores[start : start + chunk_size].scatter_add_(1, bank_labels[index], weight)
    return scores


def topk_accuracy(scores: Tensor, labels: Tensor, k: int = 1) -> float:
    """Share, in [0, 1], of labels ``(N,)`` that are among the ``k`` highest scores ``(N, num_classes)``."""
    # argsort, not topk: classes with equal scores keep the order that published evaluations give them
    ranked = scores.argsort(dim=1, descending=True)[:, :k]
    return (ranked == labels[:, None]).any(dim=1).float().mean().item()


@torch.no_grad()
def mean_average_precision(bank: Tensor, bank_labels: Tensor, query: Tensor, query_labels: Tensor) -> float:
    """Mean average precision of the bank ``(B, D)`` by cosine, over queries ``(Q, D)`` whose class it has, else NaN."""
    bank = F.normalize(bank, dim=1)
    rank = torch.arange(1, len(bank) + 1, device=bank.device)
    found = []
    for part, labels in zip(query.split(256), query_labels.split(256)):
        order = (F.normalize(part, dim=1) @ bank.T).argsort(dim=1, descending=True)
        hit = bank_labels[order] == labels[:, None]
        total = hit.sum(1)
        precision = (hit.cumsum(1) / rank * hit).sum(1) / total
        found.append(precision[total > 0])
    return torch.cat(found).mean().item()


@torch.no_grad()
def leave_one_out(features: Tensor, labels: Tensor, groups: Optional[Sequence[Any]] = None) -> float:
    """Share, in [0, 1], of samples whose nearest other one by the cosine has the same label.

    Args:
        features: ``(N, D)``.
        labels: ``(N,)`` int64.
        groups: N values, such as performers: a sample of the same group is no other one. ``None``, or a single group:
            only the sample itself is left out.
    """
    x = F.normalize(features, dim=1)
    group = torch.from_numpy(np.unique(np.asarray(groups), return_inverse=True)[1]) if groups is not None else None
    if group is None or not group.any():
        group = torch.arange(len(x))
    group, nearest = group.to(x.device), []
    for part, own in zip(x.split(1024), group.split(1024)):
        similarity = (part @ x.T).masked_fill_(own[:, None] == group, -2)  # below every cosine
        nearest.append(similarity.argmax(1))
    return (labels[torch.cat(nearest)] == labels).float().mean().item()


@torch.no_grad()
def feature_std(features: Tensor) -> float:
    """Mean standard deviation of L2-normalized ``(N, D)``, 0 to ``1 / sqrt(D)`` (Chen and He, CVPR 2021, figure 2)."""
    return F.normalize(features.float(), dim=1).std(dim=0, unbiased=False).mean().item()


@torch.no_grad()
def effective_rank(features: Tensor, normalize: bool = True) -> float:
    """``exp(H(p))``, in ``[1, min(N, D)]``, of features ``(N, D)``, L2-normalized or not; 1 is a complete collapse.

    ``p`` are the singular values, mean not subtracted, over their sum (Roy and Vetterli, 2007; Garrido et al., 2023).
    """
    x = F.normalize(features.double(), dim=1) if normalize else features.double()
    # the eigenvalues of the smaller product are the squared singular values
    p = torch.linalg.eigvalsh(x.T @ x if len(x) > x.shape[1] else x @ x.T).clamp_min(0).sqrt()
    return torch.special.entr(p / p.sum().clamp_min(1e-12)).sum().exp().item()
