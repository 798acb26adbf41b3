"""Criteria of frozen features that need no labels: spread, clusters, agreement of groups, and what augmentation leaves.

None of them knows the classes. docs/choosing.md says which of them rank recipes as the accuracy of a probe does.
"""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmsync.errors import ProtocolError
from mmsync.evaluation.functional.features import effective_rank


def rank_me(features: Tensor) -> float:
    """RankMe, ``exp(H(p))`` in ``[1, min(N, D)]``, of features ``(N, D)`` as they are (Garrido et al., 2023, eq. 2).

    ``p`` are the singular values over their sum. :func:`effective_rank` is the same of L2-normalized features.
    """
    return effective_rank(features, normalize=False)


@torch.no_grad()
def spectrum_decay(features: Tensor, first: int = 3, last: int = 100) -> float:
    """Exponent alpha of the power law ``eigenvalue_i ~ i ** -alpha`` of the covariance (Agrawal et al., 2022, eq. 3).

    A line through the logarithms, weighted by ``1 / i`` (Stringer et al., 2019). alpha-ReQ holds that an alpha near 1
    is best: a larger one is a representation of few directions, a smaller one of noise.

    Args:
        features: ``(N, D)``.
        first: The first eigenvalue of the fit, counted from 1.
        last: The last one; eigenvalues that are zero in double precision are left out.

    Raises:
        ProtocolError: Fewer than two eigenvalues are left.
    """
    x = features.double()
    x = x - x.mean(0)
    values = torch.linalg.eigvalsh(x.T @ x if len(x) > x.shape[1] else x @ x.T).flip(0)
    values = values[values > 1e-12 * values[0].clamp_min(1e-300)][first - 1 : last]
    if len(values) < 2:
        raise ProtocolError(f"spectrum_decay: the covariance has no two eigenvalues from the {first}th to the {last}th")
    rank = torch.arange(first, first + len(values), dtype=torch.float64, device=values.device)
    log, weight = rank.log(), 1 / rank / (1 / rank).sum()
    level, target = log - (weight * log).sum(), values.log()
    return float(-(weight * level * target).sum() / (weight * level**2).sum())


@torch.no_grad()
def view_alignment(first: Tensor, second: Tensor, power: float = 2.0) -> float:
    """Mean ``|f(x) - f(y)| ** power`` of two views ``(N, D)`` of each sample, L2-normalized (Wang and Isola, 2020).

    Their ``L_align`` (section 4.1), between 0 and ``2 ** power``; smaller is more invariant.
    """
    distance = torch.linalg.vector_norm(F.normalize(first.double(), dim=1) - F.normalize(second.double(), dim=1), dim=1)
    return distance.pow(power).mean().item()


@torch.no_grad()
def uniformity(features: Tensor, t: float = 2.0) -> float:
    """``log E exp(-t |f(x) - f(y)| ** 2)`` over pairs of L2-normalized ``(N, D)`` (Wang and Isola, 2020, section 4.1).

    ``L_uniform`` is at most 0, where all features are equal; smaller is more uniform.
    """
    distance = torch.pdist(F.normalize(features.double(), dim=1))
    return float(torch.logsumexp(-t * distance**2, 0) - np.log(len(distance)))


def cluster_stability(
    features: Tensor, clusters: int = 20, draws: int = 5, seed: int = 0, groups: Optional[Tensor] = None
) -> float:
    """Mean mutual information, normalized to [0, 1], of k-means clusterings that were learned from two halves.

    The samples are divided at random, k-means learns centers from each half, and all samples go to the nearest center
    of either (Lange et al., 2004, Stability-based validation of clustering solutions; Strehl and Ghosh, 2002, eq. 3
    for the normalization). With ``groups``, whole groups are divided: are the clusters of some performers those of the
    others?

    Args:
        features: ``(N, D)``; they are L2-normalized.
        clusters: Number of clusters, at most half of the samples.
        draws: Divisions to average over.
        seed: Of the divisions and of k-means.
        groups: ``(N,)`` int64.

    Raises:
        ProtocolError: A half has fewer samples than there are clusters.
    """
    from sklearn.cluster import KMeans  # here: importing it takes most tools' first second
    from sklearn.metrics import normalized_mutual_info_score

    x = F.normalize(features.float(), dim=1).cpu().numpy()
    units = np.arange(len(x)) if groups is None else np.unique(groups.cpu().numpy(), return_inverse=True)[1]
    rng, found = np.random.default_rng(seed), []
    for draw in range(draws):
        order = rng.permutation(units.max() + 1)
        half = np.isin(units, order[: len(order) // 2])
        if min(half.sum(), (~half).sum()) < clusters:
            raise ProtocolError(f"cluster_stability: {clusters} clusters of halves of {half.sum()}, {(~half).sum()}")
        maps = [KMeans(clusters, n_init=3, random_state=seed + draw).fit(x[part]) for part in (half, ~half)]
        found.append(normalized_mutual_info_score(*(one.predict(x) for one in maps)))
    return float(np.mean(found))


@torch.no_grad()
def group_mixing(features: Tensor, groups: Tensor, k: int = 5) -> float:
    """How often neighbors are of another group, relative to chance: 1 is chance, 0 if groups are islands.

    The share of samples of other groups among the ``k`` nearest by cosine, over their share among all other samples.

    Args:
        features: ``(N, D)``.
        groups: ``(N,)`` int64, two or more groups: performers, cameras.
        k: Neighbors, at least 1.
    """
    groups = _numbered(groups)
    other = groups[_similarity(features).topk(min(k, len(groups) - 1), dim=1).indices] != groups[:, None]
    size = groups.bincount()[groups].double()
    return (other.double().mean() / ((len(groups) - size) / (len(groups) - 1)).mean()).item()


@torch.no_grad()
def group_cycles(features: Tensor, groups: Tensor) -> float:
    """Share in [0, 1] of cycles that end where they began: to the nearest sample of another group, and back.

    For each sample and each other group: its nearest sample there by cosine, whose nearest in the first group is it
    again, or not (mutual nearest neighbors; as the cycles of Dwibedi et al., 2019, over samples for frames).

    Args:
        features: ``(N, D)``.
        groups: ``(N,)`` int64, two or more groups: performers, cameras.
    """
    groups, similarity = _numbered(groups), _similarity(features)
    members = [(groups == g).nonzero().flatten() for g in range(int(groups.max()) + 1)]
    nearest = torch.stack([rows[similarity[:, rows].argmax(1)] for rows in members], dim=1)  # (N, G)
    back = nearest[nearest, groups[:, None]]  # of each i and group g, the nearest of i's group to the nearest in g
    own = torch.arange(len(groups), device=groups.device)[:, None]
    counts = groups[:, None] != torch.arange(len(members), device=groups.device)
    return (back == own)[counts].double().mean().item()


def change_accuracy(features: Tensor, changed: Tensor, folds: int = 5) -> float:
    """Percent right of a linear classifier that tells clips from changed copies; 50 if features are blind to it.

    Logistic regression on standardized features, cross-validated with both copies of a clip in the same fold.

    Args:
        features: ``(N, D)`` of clips.
        changed: ``(N, D)`` of the same clips, mirrored or reversed for instance.
        folds: Number of folds, 2 to N.
    """
    from sklearn.linear_model import LogisticRegression

    target = np.repeat((0, 1), len(features))
    scores = _cross_validate(LogisticRegression(C=0.1, max_iter=200), torch.cat([features, changed]), target, folds, 2)
    return float(100 * scores)


def angle_r2(features: Tensor, degrees: Tensor, folds: int = 5) -> float:
    """Cross-validated R^2 of a ridge regression of cosine and sine of an angle; 0 if features are blind to it.

    Args:
        features: ``(N, D)`` of clips, each turned by its own angle.
        degrees: ``(N,)``.
        folds: Number of folds, 2 to N.
    """
    from sklearn.linear_model import RidgeCV

    angle = np.deg2rad(degrees.double().cpu().numpy())
    target = np.stack([np.cos(angle), np.sin(angle)], 1)
    return float(_cross_validate(RidgeCV(np.logspace(-1, 5, 7)), features, target, folds, 1))


def _cross_validate(model: Any, features: Tensor, target: np.ndarray, folds: int, copies: int) -> float:
    """Mean score of an estimator of scikit-learn; the ``copies`` of a sample, one after all others, stay together."""
    from sklearn.model_selection import GroupKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x = features.float().cpu().numpy()
    # mixed, so that folds do not follow the order of the data set
    sample = np.tile(np.random.default_rng(0).permutation(len(x) // copies), copies)
    cv = GroupKFold(min(folds, len(x) // copies))
    return float(cross_val_score(make_pipeline(StandardScaler(), model), x, target, groups=sample, cv=cv).mean())


def _similarity(features: Tensor) -> Tensor:
    """Cosines ``(N, N)``, -inf on the diagonal; standardized features would hide none of the groups."""
    x = F.normalize(features.double(), dim=1)
    return (x @ x.T).fill_diagonal_(-torch.inf)


def _numbered(groups: Tensor) -> Tensor:
    """Groups counted from 0; a ProtocolError for a single one."""
    names, place = torch.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise ProtocolError(f"all {len(groups)} samples are of one group; give those of two performers or cameras")
    return place
