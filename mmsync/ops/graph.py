"""Adjacency matrices of skeleton graphs (Yan et al., 2018, ST-GCN, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def hop_distance(num_joints: int, edges: Sequence[tuple[int, int]], max_hop: int = 1) -> Tensor:
    """Shortest path lengths ``(V, V)`` on the undirected graph; ``inf`` beyond ``max_hop``."""
    link = torch.zeros(num_joints, num_joints, dtype=torch.float64)
    a, b = torch.tensor(list(edges), dtype=torch.long).reshape(-1, 2).T
    link[a, b] = link[b, a] = 1
    reach = torch.eye(num_joints, dtype=torch.float64)
    hops = torch.full_like(link, float("inf"))
    for hop in range(max_hop + 1):
        hops = hops.minimum(torch.where(reach > 0, float(hop), float("inf")))
        reach = ((reach @ link) > 0).double()
    return hops


def adjacency(
    num_joints: int, edges: Sequence[tuple[int, int]], center: int, strategy: str = "spatial", max_hop: int = 1
) -> Tensor:
    """Normalized adjacency ``(K, V, V)`` float64 of a skeleton: ``out[w] = sum_kv A[k, v, w] x[v]``.

    A joint's neighbors within ``max_hop`` bones (itself included) share a weight of 1, divided by their number.

    Args:
        num_joints: Number of joints V.
        edges: Pairs ``(child, parent)``.
        center: The joint from which inward and outward are measured.
        strategy: ``'uniform'`` (K=1), ``'distance'`` (one partition a hop, K=max_hop+1), ``'spatial'`` (per hop:
            sources as far from the center as the target or further, nearer sources; K=2*max_hop+1), ``'directed'``
            (self, child to parent, parent to child, each normalized alone; K=3) or ``'binary'`` (K=1, unnormalized).
        max_hop: Largest neighborhood, in bones.

    Raises:
        ValueError: Unknown strategy.
    """
    if strategy in ("directed", "binary"):
        child, parent = torch.tensor([e for e in edges if e[0] != e[1]], dtype=torch.long).reshape(-1, 2).T
        inward = torch.zeros(num_joints, num_joints, dtype=torch.float64)
        inward[parent, child] = 1
        if strategy == "binary":
            return (inward + inward.T)[None]
        ways = (_normalize_columns(inward), _normalize_columns(inward.T))
        return torch.stack([torch.eye(num_joints, dtype=torch.float64), *ways])

    hops = hop_distance(num_joints, edges, max_hop)
    normalized = _normalize_columns((hops <= max_hop).double())
    if strategy == "uniform":
        return normalized[None]
    rings = [normalized * (hops == hop) for hop in range(max_hop + 1)]
    if strategy == "distance":
        return torch.stack(rings)
    if strategy == "spatial":
        # The published code looks no further than max_hop here, so all joints beyond it count as equally far.
        radius = hops[:, center]
        nearer = radius[:, None] < radius[None, :]  # [v, w]: is source v nearer to the center than target w?
        parts = [rings[0]]
        for ring in rings[1:]:
            parts += [ring * ~nearer, ring * nearer]
        return torch.stack(parts)
    raise ValueError(f"unknown graph strategy {strategy!r}; use uniform, distance, spatial, directed or binary")


def _normalize_columns(matrix: Tensor) -> Tensor:
    degree = matrix.sum(0)
    return matrix / torch.where(degree > 0, degree, torch.ones_like(degree))
