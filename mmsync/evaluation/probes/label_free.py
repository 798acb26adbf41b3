"""Criteria for choosing among recipes without labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from mmsync.errors import ConfigError, ProtocolError
from mmsync.evaluation.functional import label_free
from mmsync.evaluation.probes.base import Probe, ProbeResult, require_whole
from mmsync.ops.scaling import mean_and_std
from mmsync.registry import PROBES
from mmsync.structures import FeatureTable

LEAST = 8  # samples below which the criteria say nothing


@PROBES.register_module()
class LabelFree(Probe):
    """Criteria of features ``(N, D)`` that need no label; of the bank alone, if there is one.

    ================================  ======================================================================  =======
    ``label_free/stability``          mutual information of k-means clusterings of two halves, in [0, 1]      larger
    ``label_free/rank``               RankMe, effective rank of features as they are, in [1, min(N, D)]       larger
    ``label_free/decay``              exponent of the decay of the eigenvalues (alpha-ReQ)                    near 1
    ``label_free/uniformity``         of Wang and Isola, at most 0                                            smaller
    ``label_free/stability_<group>``  as ``stability``, halves of whole groups                                larger
    ``label_free/mixing_<group>``     neighbors of other groups, relative to chance                           larger
    ``label_free/cycles_<group>``     share of mutual nearest neighbors among groups, in [0, 1]               larger
    ``label_free/alignment``          of Wang and Isola, of two views, in [0, 4]                              smaller
    ``label_free/<change>``           percent of right answers: changed or not? 50: blind to the change
    ``label_free/yaw``                R^2 of a regression of the angle by which clips were turned; 0: blind to it
    ================================  ======================================================================  =======

    What needs an attribute (``subject``), two views (columns ``feature_first``, ``feature_second``) or changed copies
    (``feature_mirror``, ``feature_reversal``; ``feature_yaw`` with the angles ``yaw (N,)`` in degrees) is given where
    the table has them: :func:`mmsync.apis.extract_changed` adds the columns. The last column says which values are
    better where nothing else is known. Stability, mixing and cycles are of features standardized over all samples.

    Args:
        groups: Attributes of samples, whole numbers, that features should not depend on.
        clusters: Of k-means; less, where a half has fewer than twice as many samples.
        seed: Of the halves and of k-means.
        max_samples: Use so many samples, evenly spread: distances of all pairs are in memory.
        column: Name of the column of features.

    Raises:
        ConfigError: An argument is out of its range.
        ProtocolError: Fewer than 8 samples.
    """

    name = "label_free"
    headline = "stability"
    sees = "all"
    gives = (
        "stability*", "rank", "decay", "uniformity", "mixing_*", "cycles_*", "alignment", "mirror", "reversal", "yaw",
    )  # fmt: skip
    changes: ClassVar[tuple[str, ...]] = ("mirror", "reversal")

    def __init__(
        self, groups: Sequence[str] = ("subject", "view"), clusters: int = 20, seed: int = 0, max_samples: int = 2000,
        column: str = "feature",
    ) -> None:  # fmt: skip
        super().__init__(column)
        require_whole(self, 2, clusters=clusters)
        require_whole(self, 0, seed=seed)
        require_whole(self, LEAST, max_samples=max_samples)
        if isinstance(groups, str) or not all(isinstance(name, str) for name in groups):
            raise ConfigError(f"LabelFree.groups={groups!r}: give a list of names of attributes, ['subject']")
        self.groups, self.clusters, self.seed, self.max_samples = tuple(groups), clusters, seed, max_samples
        parts = ("first", "second", *self.changes, "yaw")
        self.optional = (*self.groups, "yaw", *(f"{column}_{part}" for part in parts))

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        roles = np.array(bank.texts("role", "bank"))
        rows = np.flatnonzero(roles == "bank") if (roles == "bank").any() else np.arange(len(bank))
        table = bank.take(rows[np.linspace(0, len(rows) - 1, min(len(rows), self.max_samples)).astype(int)])
        if len(table) < LEAST:
            raise ProtocolError(f"LabelFree: {len(table)} samples; give {LEAST} or more")
        x = table.vectors(self.column).float().to(device)
        metrics = {
            "stability": 0.0,  # the headline first
            "rank": label_free.rank_me(x),
            "uniformity": label_free.uniformity(x),
        }
        with suppress(ProtocolError):  # features that have collapsed have no spectrum
            metrics["decay"] = label_free.spectrum_decay(x)
        metrics.update(self._of_clusters(table, x))
        metrics.update(self._of_changes(table, x))
        note = f"label-free criteria of {len(table)} samples, {self.clusters} clusters"
        return ProbeResult(metrics, note=note)

    def _of_clusters(self, table: FeatureTable, x: Tensor) -> Mapping[str, float]:
        """Stability, and agreement of the groups that the table has."""
        mean, std = mean_and_std(x)
        x = (x - mean) / std
        clusters = min(self.clusters, len(x) // 4)
        found = {"stability": label_free.cluster_stability(x, clusters, seed=self.seed)}
        for name in self.groups:
            groups = table.numbers(name)
            size = groups.unique(return_counts=True)[1]
            if len(size) < 2:
                continue
            least = int(size.sort().values[: max(len(size) // 2, 1)].sum())  # samples of the smallest half
            few = max(2, min(clusters, least))
            if least >= 2:
                found[f"stability_{name}"] = label_free.cluster_stability(x, few, seed=self.seed, groups=groups)
            found[f"mixing_{name}"] = label_free.group_mixing(x, groups.to(x.device))
            found[f"cycles_{name}"] = label_free.group_cycles(x, groups.to(x.device))
        return found

    def _of_changes(self, table: FeatureTable, x: Tensor) -> Mapping[str, float]:
        """Alignment of two views, and what features tell about changes, for the columns that the table has."""
        of = {
            part: table.vectors(f"{self.column}_{part}").float().to(x.device)
            for part in ("first", "second", *self.changes, "yaw")
            if f"{self.column}_{part}" in table
        }
        found = {}
        if "first" in of and "second" in of:
            found["alignment"] = label_free.view_alignment(of["first"], of["second"])
        for change in self.changes:
            if change in of:
                found[change] = label_free.change_accuracy(x, of[change])
        if "yaw" in of and "yaw" in table:
            found["yaw"] = label_free.angle_r2(of["yaw"], torch.as_tensor(table["yaw"]))
        return found
