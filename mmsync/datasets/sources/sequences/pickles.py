"""mmsync's pickle of sequences, a superset of that of PYSKL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal, Optional, Union

import numpy as np

from mmsync.datasets.sources.safe_pickle import load_pickle
from mmsync.datasets.sources.sequences.records import Record, RecordSource, as_phase, read_array
from mmsync.errors import ConfigError, DataError
from mmsync.fileio import data_path
from mmsync.registry import DATASETS


@DATASETS.register_module()
class SequencePickleSource(RecordSource):
    """Sequences of one pickle: joints ``(T, V, C)``, features of frames ``(T, F)``, or both ``(T, V * C + F)``.

    The file is ``dict(split, meta, annotations)``. ``split`` has lists of names in the order that label fractions go
    by. ``meta`` has ``activities``, and may have ``phases`` (names by activity), ``layout`` and ``background``, the
    label of frames without a phase: -1, or 0, after which phases count from 1. An annotation has ``frame_dir``, its
    name; ``activity`` (or ``label``), a number; ``keypoint``, ``(1, T, V, C)`` or ``(T, V, C)``; ``feature``, a
    ``.npy`` file relative to the pickle; maybe ``phase (T,)`` and ``total_frames``. PYSKL's files of one person can be
    read as they are.

    Args:
        ann_file: The pickle.
        data: ``'joints'``, ``'features'``, or ``'both'``, joints first.
        activities: Read these; ``None``: all.
        layout: The joints; ``None``: that of ``meta``, or the one with their number.

    Raises:
        ConfigError: Another ``data``, or an unknown activity.
        DataError: The file is damaged, unsafe or of another kind, or names in ``split`` have no annotation.
        LayoutError: Joints of another number than those of the layout.
    """

    input_arguments: ClassVar[tuple[str, ...]] = ("data",)

    def __init__(
        self, ann_file: Union[str, Path], data: Literal["joints", "features", "both"] = "joints",
        activities: Optional[Sequence[str]] = None, layout: Union[str, Mapping, None] = None,
    ) -> None:  # fmt: skip
        if data not in ("joints", "features", "both"):
            raise ConfigError(f"SequencePickleSource: data={data!r}; use 'joints', 'features' or 'both'")
        items, splits, meta = _content(ann_file)
        names = [str(item["frame_dir"]) for item in items]
        by_name = dict(zip(names, items))
        if len(by_name) < len(names):
            twice = next(name for i, name in enumerate(names) if name in names[:i])
            raise DataError(f"{ann_file}: {len(names) - len(by_name)} names occur twice, the first is {twice}")
        self._files, records = [data_path(ann_file)], []
        classes = list(meta.get("activities") or _numbered(items))
        for name, item in by_name.items():
            frames = partial(_frames, item, data, data_path(ann_file).parent, f"{ann_file}, {name}")
            phase = partial(_phase, item, meta.get("background", -1), f"{ann_file}, {name}")
            records.append(Record(name, _activity(item, classes, ann_file), "", frames, phase))
        for split, members in splits.items():
            lacking = [name for name in members if name not in by_name]
            if lacking:
                text = f"{len(lacking)} names have no annotation, the first is {lacking[0]}"
                raise DataError(f"{ann_file}: split {split!r}: {text}")
        if data == "both":
            self.joints = next((np.shape(item["keypoint"])[-2:] for item in items if "keypoint" in item), None)
        layout = layout or meta.get("layout")
        self.fill(records, ann_file, activities, meta.get("phases"), classes, layout, splits)


def _content(ann_file: Union[str, Path]) -> tuple[list[Mapping], dict[str, list[str]], Mapping]:
    """Annotations, names by split, and ``meta``."""
    content = load_pickle(ann_file)
    found = content.get("annotations") if isinstance(content, Mapping) else content
    if not isinstance(found, (list, tuple)) or not all(isinstance(a, Mapping) and "frame_dir" in a for a in found):
        kind = f"a dict with {list(content)[:6]}" if isinstance(content, Mapping) else type(content).__name__
        text = f"wanted dict(split, meta, annotations=[dict(frame_dir, ...)]), found {kind}"
        raise DataError(f"{ann_file}: no pickle of sequences; {text}")
    splits, meta = (content.get("split"), content.get("meta")) if isinstance(content, Mapping) else (None, None)
    if not isinstance(splits or {}, Mapping) or not isinstance(meta or {}, Mapping):
        raise DataError(f"{ann_file}: split and meta are dicts; found {type(splits).__name__}, {type(meta).__name__}")
    named = {str(split): [str(name) for name in members] for split, members in (splits or {}).items()}
    return list(found), named, meta or {}


def _numbered(items: Sequence[Mapping]) -> list[str]:
    """Names of the activities of a file that has none: their numbers."""
    labels = [item.get("activity", item.get("label")) for item in items]
    known = [int(label) for label in labels if isinstance(label, (int, np.integer))]
    return [str(label) for label in range(max(known, default=-1) + 1)]


def _activity(item: Mapping, classes: Sequence[str], origin: Union[str, Path]) -> str:
    label: Any = item.get("activity", item.get("label"))
    if isinstance(label, str) and label in classes:
        return label
    if not isinstance(label, (int, np.integer)) or not 0 <= label < len(classes):
        text = f"activity {label!r} is no number in [0, {len(classes) - 1}]"
        raise DataError(f"{origin}, {item['frame_dir']}: {text}, a place in meta.activities")
    return classes[int(label)]


def _frames(item: Mapping, data: str, root: Path, name: str) -> np.ndarray:
    needed = {"joints": ["keypoint"], "features": ["feature"], "both": ["keypoint", "feature"]}[data]
    lacking = [key for key in needed if key not in item]
    if lacking:
        raise DataError(f"{name}: has no {lacking[0]}, which data={data!r} needs")
    parts = []
    if data != "features":
        keypoint = np.asarray(item["keypoint"])
        if keypoint.ndim == 4 and len(keypoint) == 1:
            keypoint = keypoint[0]
        if keypoint.ndim != 3 or keypoint.dtype.kind != "f":
            raise DataError(f"{name}: keypoint is {keypoint.dtype} {keypoint.shape}; give floats (1, T, V, C)")
        parts.append(keypoint[: item.get("total_frames")])
    if data != "joints":
        feature = read_array(root / str(item["feature"]))
        if feature.ndim != 2:
            raise DataError(f"{name}: {item['feature']} is {feature.shape}; give features of frames (T, F)")
        parts.append(feature)
    if len({len(part) for part in parts}) > 1:
        text = f"{len(parts[0])} frames of joints, but {len(parts[1])} in {item['feature']}"
        raise DataError(f"{name}: {text}; extract them at the rate of the joints")
    return parts[0] if len(parts) == 1 else np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def _phase(item: Mapping, background: int, name: str) -> Optional[np.ndarray]:
    phase = item.get("phase")
    return None if phase is None else as_phase(phase, name, background if background >= 0 else None)
