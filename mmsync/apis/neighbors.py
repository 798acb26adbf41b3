"""Test clips of a run, judged by the training clips that are nearest to them."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import numpy as np
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader

from mmsync.apis.features import extract_features, init_model
from mmsync.config.fit import walk
from mmsync.engine.runner import MotionRunner
from mmsync.errors import ConfigError, ProtocolError
from mmsync.evaluation.probes.base import bank_and_query
from mmsync.ops.scaling import Scaling
from mmsync.registry import PROBES
from mmsync.structures import FeatureTable


class ClipNeighbors(NamedTuple):
    """Q test clips (queries) and their nearest neighbors among B training clips (the bank)."""

    dataset: Any
    query: FeatureTable  # Q rows
    bank: FeatureTable  # B rows
    labels: np.ndarray  # (Q,) classes of the queries, -1 for unknown
    nearest: np.ndarray  # (Q, k) rows of the bank, the nearest first
    cosine: np.ndarray  # (Q, k) in [-1, 1], of features as the probe scales them
    votes: Optional[np.ndarray]  # (Q, K) shares of the KNN probe's votes for each class; None: there are no labels
    margin: Optional[np.ndarray]  # (Q,) share for the true class less that for the best other one; below 0: wrong
    note: str  # how it was measured, in words


def find_neighbors(
    cfg: Config, checkpoint: str, max_clips: int = 400, seed: int = 0, k: int = 5, device: str = "cpu", **options: Any
) -> ClipNeighbors:
    """Extract features of a config's test clips and training clips, and compare them as its KNN probe does.

    Args:
        cfg: The config; ``test_dataloader``, else ``val_dataloader``, gives the clips.
        checkpoint: Its weights.
        max_clips: Test clips at most, and four times as many training clips; a random choice by ``seed``.
        seed: Of this choice, 0 or more.
        k: Nearest clips to list for each test clip.
        device: Where features are computed.
        options: ``trust`` and ``other_input`` of :func:`~mmsync.apis.init_model`.

    Raises:
        ConfigError: ``max_clips``, ``k`` or ``seed`` is out of its range, or the config has no clips to test on.
        ProtocolError: The clips do not have the roles bank and query.
        DataError: The features are not vectors.
    """
    if max_clips < 1 or k < 1 or seed < 0:
        raise ConfigError(f"max_clips={max_clips}, k={k}, seed={seed}: give 1 or more, a seed from 0")
    settings = cfg.get("test_dataloader") or cfg.get("val_dataloader")
    if settings is None:
        raise ConfigError(f"{cfg.filename}: neither test_dataloader nor val_dataloader is set; there are no test clips")
    init_default_scope(cfg.get("default_scope", "mmsync"))
    loader = MotionRunner.build_dataloader(settings)
    roles = np.array(getattr(loader.dataset, "roles", ()))
    rng, chosen, counts = np.random.default_rng(seed), [], []
    for role, most in (("query", max_clips), ("bank", 4 * max_clips)):
        found = np.flatnonzero(roles == role)
        if not len(found):
            raise ProtocolError(f"{cfg.filename}: its test clips need the roles bank (training clips) and query")
        counts.append(f"{most:,} of {len(found):,}" if len(found) > most else f"{len(found):,}")
        chosen += np.sort(rng.permutation(found)[:most]).tolist()
    model = init_model(cfg, checkpoint, device, **options)
    batches = DataLoader(loader.dataset, loader.batch_size or 64, sampler=chosen, collate_fn=loader.collate_fn)
    table = extract_features(model, batches)
    known = bool((table.numbers("label") >= 0).any())
    bank, query = bank_and_query(table, labeled=known)
    probe = PROBES.build(_knn_of(cfg))
    x, q = bank.vectors(probe.column), query.vectors(probe.column)
    labels = query.numbers("label").numpy()
    votes, margin, note = None, None, "cosine of standardized features, no labels"
    if known:
        result = probe.run(bank, query)
        votes, note = result.scores.logits / result.scores.logits.sum(axis=1, keepdims=True), result.note
        own = np.eye(votes.shape[1], dtype=bool)[labels]
        margin = votes[own] - np.where(own, -1, votes).max(axis=1)
    scaling = Scaling.of(x, probe.scaled_by if known else True)
    cosine = F.normalize(scaling(q), dim=1) @ F.normalize(scaling(x), dim=1).T
    value, nearest = (found.numpy() for found in cosine.topk(min(k, len(bank)), dim=1))
    note += f"; {counts[0]} test clips against {counts[1]} training clips, seed {seed}"
    return ClipNeighbors(loader.dataset, query, bank, labels, nearest, value, votes, margin, note)


def _knn_of(cfg: Config) -> dict[str, Any]:
    """The first KNN probe of a config's evaluators, or the default one."""
    parts = walk({key: cfg.get(key) for key in ("test_evaluator", "val_evaluator")})
    return next(
        (dict(part) for _, part in parts if isinstance(part, dict) and part.get("type") == "KNN"), {"type": "KNN"}
    )
