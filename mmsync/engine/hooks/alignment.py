"""A picture of two aligned sequences after each evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Optional

from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from mmsync.engine.hooks.summary import ALIGNMENT, last_features
from mmsync.errors import ConfigError, DataError, did_you_mean, nearest
from mmsync.evaluation.functional import align_pair
from mmsync.registry import HOOKS
from mmsync.structures import FeatureTable
from mmsync.visualization.alignment import alignment_title, draw_alignment
from mmsync.visualization.frames import queries_of
from mmsync.visualization.sequences import read_clip


@HOOKS.register_module()
class AlignmentVisHook(Hook):
    """Draws the alignment of two sequences of the query role into ``alignment.png`` of the run's folder.

    The features are those of the last evaluation, ``(T, D)`` of each sequence. A picture that cannot be drawn is
    logged, and the run goes on.

    Args:
        activity: Name of the activity whose first two sequences are drawn; ``None``: the first one that has two.
        how: ``'nearest'`` frames, or ``'dtw'``.

    Raises:
        ConfigError: Another ``how``.
    """

    def __init__(self, activity: Optional[str] = None, how: Literal["nearest", "dtw"] = "nearest") -> None:
        if how not in ("nearest", "dtw"):
            raise ConfigError(f"AlignmentVisHook: how={how!r}; use 'nearest' or 'dtw'")
        self.activity = activity
        self.how = how

    def after_val_epoch(self, runner: Any, metrics: Optional[dict[str, float]] = None) -> None:
        """Draw two sequences of the validation."""
        self._draw(runner, runner.val_loop)

    def after_test_epoch(self, runner: Any, metrics: Optional[dict[str, float]] = None) -> None:
        """Draw two sequences of the test."""
        self._draw(runner, runner.test_loop)

    def _draw(self, runner: Any, loop: Any) -> None:
        if not is_main_process():
            return
        try:
            dataset = loop.dataloader.dataset
            table = queries_of(last_features(loop)).select(("feature", "label", "index"))
            rows = self._pair(table, dataset.metainfo["classes"])
            first, second = (read_clip(dataset, int(table["index"][row])) for row in rows)
            one, two = (table.ragged("feature")[row].float().numpy() for row in rows)
            found = align_pair(one, two, self.how)
            title = alignment_title(first, second, found.index, found.tau, self.how)
            draw_alignment(first, second, found.distance, found.index, Path(runner.work_dir) / ALIGNMENT, title)
        except Exception as error:
            runner.logger.warning(f"no picture of an alignment: {error}")

    def _pair(self, table: FeatureTable, classes: list[str]) -> list[int]:
        """Rows of two sequences of one activity."""
        labels = table.numbers("label").tolist()
        wanted = sorted(set(labels))
        if self.activity is not None:
            if self.activity not in (classes or ()):
                hint = did_you_mean(nearest(self.activity, classes or ()))
                raise ConfigError(f"AlignmentVisHook: no activity {self.activity!r}{hint}")
            wanted = [classes.index(self.activity)]
        pairs = ([row for row, one in enumerate(labels) if one == label][:2] for label in wanted)
        pair = next((rows for rows in pairs if len(rows) == 2), None)
        if pair is None:
            raise DataError("no activity has two sequences")
        return pair
