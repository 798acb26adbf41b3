"""Measures of collapse, which the loss of a contrastive method does not show."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


@torch.no_grad()
def feature_std(features: Tensor) -> float:
    """Mean over the dimensions of the standard deviation of L2-normalised features.

    ``1 / sqrt(D)`` for features spread evenly over the sphere, 0 for a complete collapse (Chen and He, Exploring
    simple siamese representation learning, CVPR 2021, figure 2).

    Args:
        features: ``(N, D)``, ``N >= 1``.

    Returns:
        A value in ``[0, 1 / sqrt(D)]``.
    """
    return F.normalize(features.float(), dim=1).std(dim=0, unbiased=False).mean().item()


@torch.no_grad()
def effective_rank(features: Tensor) -> float:
    """Effective rank of L2-normalised features.

    ``exp(H(p))`` with ``p`` the singular values divided by their sum (Roy and Vetterli, The effective rank, EUSIPCO
    2007; as a quality score Garrido et al., RankMe, ICML 2023). The mean is not subtracted: 1 is a complete collapse.

    Args:
        features: ``(N, D)``, ``N >= 1``.

    Returns:
        A value in ``[1, min(N, D)]``.
    """
    x = F.normalize(features.double(), dim=1)
    gram = (
        x.T @ x if len(x) > x.shape[1] else x @ x.T
    )  # the smaller one: its eigenvalues are the squared singular values
    p = torch.linalg.eigvalsh(gram).clamp_min(0).sqrt()
    return torch.special.entr(p / p.sum().clamp_min(1e-12)).sum().exp().item()
