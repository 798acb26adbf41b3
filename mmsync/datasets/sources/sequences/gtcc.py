"""Features of frames with segments of actions in seconds, as GTCC reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np

from mmsync.datasets.sources.sequences.frames import FrameSource
from mmsync.errors import ConfigError, DataError
from mmsync.fileio import data_path, not_found, read_text
from mmsync.registry import DATASETS
from mmsync.store.frame_features import map_features

_KEYS = ("handles", "hdl_actions", "hdl_start_times", "hdl_end_times")
_SLACK = 1.0  # seconds that the last segment may end after the last frame, because annotations are rounded


@DATASETS.register_module()
class GTCCSource(FrameSource):
    """Features ``(T, F)`` of GTCC (Donahue and Elhamifar, CVPR 2024), usually 2048 wide, with segments of actions.

    The file is a list of tasks, or a dict of tasks by name; a task has ``handles``, and for each handle a list of
    ``hdl_actions``, ``hdl_start_times`` and ``hdl_end_times``, seconds. Frame ``t`` shows the segment with
    ``start <= t / rate < end``, the later one where they overlap, and -1 where there is none. Actions are numbered
    within their task in the order in which the file first names them; see ``phases``. There are no splits.

    Args:
        ann_file: The json file.
        features: Folder of ``<handle>.npy``.
        rate: Rows of features a second.
        background: Names of actions that are background, -1.

    Raises:
        ConfigError: The rate is not positive.
        DataError: The file lacks a key, or its lists have different lengths.
    """

    def __init__(
        self, ann_file: Union[str, Path], features: Union[str, Path], rate: float,
        background: Sequence[str] = ("background",),
    ) -> None:  # fmt: skip
        if not rate > 0:
            raise ConfigError(f"rate={rate}; give the rows of features a second")
        path = data_path(ann_file)
        if not path.is_file():
            raise DataError(not_found(ann_file))
        tasks = _read(path)
        self.data_root, self.rate = path.parent, float(rate)
        self.class_names = list(tasks)
        self.phases: dict[str, list[str]] = {}  # of each task, in the order of their labels
        self.names, self.splits = [], {}
        self._segments: list[tuple[np.ndarray, np.ndarray]] = []  # labels (n,), and start and end (n, 2) in seconds
        labels = []
        for label, (task, content) in enumerate(tasks.items()):
            known = {name: -1 for name in background}
            actions = self.phases[task] = []
            for handle, names, starts, ends in zip(*(content[key] for key in _KEYS)):
                for name in names:
                    if name not in known:
                        known[name] = len(actions)
                        actions.append(name)
                numbers = np.array([known[name] for name in names], dtype=np.int64)
                self._segments.append((numbers, np.array([starts, ends], dtype=np.float64).T.reshape(-1, 2)))
                self.names.append(handle)
                labels.append(label)
        self.labels = np.array(labels, dtype=np.int64)
        self._use_features(features)
        self.check(path)

    def feature_file(self, index: int) -> Path:
        try:
            return super().feature_file(index)
        except DataError as error:
            raise DataError(f"{self.names[index]}: no features of this handle in {self.features}") from error

    def load(self, index: int) -> np.ndarray:
        features = super().load(index)
        self._check_end(index, len(features))
        return features

    def frame_labels(self, index: int) -> np.ndarray:
        frames = len(map_features(self.feature_file(index)))
        self._check_end(index, frames)
        labels = np.full(frames, -1)
        times = np.arange(frames) / self.rate
        numbers, spans = self._segments[index]
        for label, (first, last) in zip(numbers, np.searchsorted(times, spans)):
            labels[first:last] = label
        return labels

    def _check_end(self, index: int, frames: int) -> None:
        end = max(self._segments[index][1][:, 1], default=0.0)
        if end > frames / self.rate + _SLACK:
            text = f"{frames} rows of features at {self.rate:g} a second last {frames / self.rate:.1f} s"
            segments = f"its segments {end:.1f} s, {round(end * self.rate)} rows"
            raise DataError(f"{self.names[index]}: {text}, {segments}; is rate right?")


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """Checked tasks by name."""
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: no JSON: {error}; is the file truncated?") from error
    if isinstance(content, list):
        content = {_name(task, number): task for number, task in enumerate(content)}
    if not isinstance(content, dict) or not content:
        raise DataError(f"{path}: wanted a list of tasks, or a dict of tasks by name")
    for name, task in content.items():
        _check(task, f"{path}: task {name!r}")
    return content


def _name(task: Any, number: int) -> str:
    names = [task[key] for key in ("name", "task", "task_name") if isinstance(task, Mapping) and key in task]
    return str(names[0]) if names else f"task_{number}"


def _check(task: Any, where: str) -> None:
    missing = [key for key in _KEYS if not isinstance(task, Mapping) or not isinstance(task.get(key), list)]
    if missing:
        raise DataError(f"{where} has no list {', '.join(missing)}")
    counts = [len(task[key]) for key in _KEYS]
    if len(set(counts)) > 1:
        raise DataError(f"{where}: {', '.join(_KEYS)} have {counts} entries; wanted one for each handle")
    for handle, *lists in zip(*(task[key] for key in _KEYS)):
        parts = [len(one) if isinstance(one, list) else -1 for one in lists]
        if not isinstance(handle, str) or len(set(parts)) > 1 or -1 in parts:
            raise DataError(f"{where}: handle {handle!r} has {parts} actions, starts and ends; wanted as many of each")
        _, starts, ends = lists
        if not all(isinstance(n, (int, float)) for n in (*starts, *ends)) or any(a > b for a, b in zip(starts, ends)):
            raise DataError(f"{where}: handle {handle!r} has segments that are no numbers, or end before they start")
