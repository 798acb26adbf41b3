"""Fuses the scores of the streams of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmsync.errors import ConfigError
from mmsync.evaluation.functional import fuse_streams, judge_scores, load_scores, published_weights
from mmsync.protocols.tables import spread


def stream_key(axes: Mapping[str, Sequence[Any]], protocols: Sequence[str], weights: str) -> str:
    """The axis whose values are streams.

    Args:
        axes: Values by dotted key.
        protocols: Names of protocols.
        weights: Name of published weights.

    Raises:
        ConfigError: There is no such axis, or no protocol.
        ProtocolError: The weights are not for these streams.
    """
    key = next((key for key in axes if key.rpartition(".")[2] == "stream"), None)
    if key is None or len(axes[key]) < 2 or not protocols:
        raise ConfigError(
            f"--fuse {weights}: fuses the scores of streams; give them by --set stream=joint,bone,motion, and a "
            "protocol that classifies by --protocols linear"
        )
    published_weights(weights, [str(stream) for stream in axes[key]])
    return key


def fused_rows(
    rows: Sequence[Mapping[str, Any]], work_dir: Path, key: str, weights: str, protocols: Sequence[str]
) -> list[dict[str, Any]]:
    """Rows of a sweep's table for the fusion of streams, one for each group that differs in nothing else.

    Args:
        rows: Rows of the sweep.
        work_dir: Folder of the sweep.
        key: The axis whose values are streams.
        weights: Name of published weights.
        protocols: Names of the protocols whose scores are fused, seed by seed.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        others = {name: value for name, value in row["settings"].items() if name != key}
        groups.setdefault(repr((row["config"], others)), []).append(row)
    found = []
    for group in groups.values():
        seeds = sorted(set.intersection(*(set(row["seeds"]) for row in group)))
        metrics = {}
        for name in protocols:
            values = {seed: _fused(group, work_dir, key, weights, f"seed_{seed}/benchmark/{name}") for seed in seeds}
            values = {seed: value for seed, value in values.items() if value is not None}
            if values:
                metrics[name] = {**spread(list(values.values())), "values": values}
        if metrics:
            settings = {**group[0]["settings"], key: f"fused ({weights})"}
            found.append(dict(group[0], settings=settings, folder="", seeds=seeds, failed=[], metrics=metrics))
    return found


def _fused(group: Sequence[Mapping[str, Any]], work_dir: Path, key: str, weights: str, folder: str) -> Any:
    """Mean accuracy in percent over the runs of a protocol; None where a stream has no scores."""
    streams = {str(row["settings"][key]): work_dir / row["folder"] / folder for row in group}
    runs = sorted({file.parent.name for path in streams.values() for file in path.glob("*/scores.npz")})
    whole = [run for run in runs if all((path / run / "scores.npz").is_file() for path in streams.values())]
    if len(streams) < 2 or not whole:
        return None
    share = published_weights(weights, list(streams))
    values = []
    for run in whole:
        scores = fuse_streams({name: load_scores(path / run / "scores.npz") for name, path in streams.items()}, share)
        values.append(next(iter(judge_scores(scores).values())))
    return float(np.mean(values))
