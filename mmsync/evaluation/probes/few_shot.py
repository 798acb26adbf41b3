"""Phases of frames from the labels of a few videos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmsync.evaluation.functional.phases import Classifier, phase_classification
from mmsync.evaluation.probes.base import require_choice, require_range, require_whole
from mmsync.evaluation.probes.sequences import AlignmentProbe, Videos
from mmsync.registry import PROBES


@PROBES.register_module()
class FewShotPhases(AlignmentProbe):
    """Accuracy of phases of frames ``(T, D)`` from the labels of k random bank videos, in percent (TCC, section 5.2).

    A classifier is fitted in each of many episodes for each k and activity, and their results are averaged. See
    :class:`AlignmentProbe` for the results; intervals are over query videos. ``mean`` is of the last k, ``mean_1`` and
    so on of the others; an activity of fewer videos takes all of them. Fits ``2 A E`` classifiers for each k, of A
    activities and E episodes, half of them on the position.

    Args:
        shots: Numbers k of videos, the one to report last.
        episodes: Draws of videos for each k.
        protocol: Classifier, as of :class:`PhaseClassification`.
        seed: Seed of the draws.
        column: Name of the column of features.
    """

    name = "few_shot"

    def __init__(
        self, shots: Sequence[int] = tuple(range(1, 11)), episodes: int = 50, protocol: Classifier = "tcc",
        seed: int = 42, column: str = "feature",
    ) -> None:  # fmt: skip
        super().__init__(column)
        require_range(self, shots=(len(shots), len(shots) > 0, "or more of numbers of videos"))
        require_whole(self, episodes=episodes, **{f"shots[{i}]": n for i, n in enumerate(shots)})
        require_choice(self, ("casa", "carl", "tcc"), protocol=protocol)
        self.shots, self.episodes, self.seed = tuple(shots), episodes, seed
        self.protocol: Classifier = protocol
        self.settings = tuple(map(str, shots))

    def statistics(self, bank: Videos, query: Videos) -> np.ndarray:
        rng = np.random.default_rng(self.seed)
        return np.stack([self._episodes(bank, query, min(k, len(bank)), rng) for k in self.shots], axis=2)

    def _episodes(self, bank: Videos, query: Videos, count: int, rng: np.random.Generator) -> np.ndarray:
        """Right and judged frames ``(V, 2)`` of all episodes of ``count`` videos."""
        found = []
        for _ in range(self.episodes):
            some = bank.take(rng.choice(len(bank), count, replace=False))
            found.append(phase_classification(some.frames, some.phases, query.frames, query.phases, self.protocol))
        return np.sum(found, axis=0)
