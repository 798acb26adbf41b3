"""JHMDB's joints, in the pickles of DD-Net."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmsync.datasets.sources.safe_pickle import load_pickle
from mmsync.datasets.sources.skeleton.base import list_files
from mmsync.datasets.sources.skeleton.store import StoreSource
from mmsync.errors import DataError
from mmsync.fileio import data_path
from mmsync.registry import DATASETS
from mmsync.store.cache import cached
from mmsync.store.skeletons import StoreWriter
from mmsync.structures import SkeletonLayout


@DATASETS.register_module()
class JHMDBDDNetSource(StoreSource):
    """JHMDB (Jhuang et al., ICCV 2013) in the files of DD-Net (Yang et al., 2019): 609 clips ``(1, T, 15, 2)``.

    Coordinates are x and y, y down, relative to the middle of the picture and divided by the size of the annotated
    body. The pickles have no names of clips: a clip is ``<label>_<digest of its joints>``, which finds it again in the
    files of the other splits. Splits ``split1_train`` to ``split3_test`` of the files that are there. Classes are the
    labels that occur, 14 of JHMDB's 21, in the order of the alphabet. Pickles are read through an allow-list.

    Args:
        data_root: The folder of ``GT_train_K.pkl`` and ``GT_test_K.pkl``.
    """

    layout, num_coords, num_channels = SkeletonLayout.get("jhmdb15"), 2, 2

    def __init__(self, data_root: Union[str, Path]) -> None:
        root = data_path(data_root)
        files = list_files(root, "GT_*_[123].pkl", "JHMDB")
        self._open(cached("jhmdb-ddnet-1", files, lambda path: _convert(files, path)))
        self.check(root)

    def fold_of(self, split: Any) -> Optional[str]:
        """The fold in the name of a split, as ``'jhmdb/1'``; ``'jhmdb/all'`` of all clips."""
        match = re.match(r"split(\d)_", split) if isinstance(split, str) else None
        return f"jhmdb/{match[1]}" if match else "jhmdb/all" if split is None else None


def _convert(files: list[Path], path: Path) -> None:
    clips: dict[str, tuple[np.ndarray, str]] = {}
    splits: dict[str, list[str]] = {}
    for file in files:
        match = re.fullmatch(r"GT_(train|test)_(\d)", file.stem)
        if match is None:
            raise DataError(f"{file}: the name is not of the form GT_train_K.pkl or GT_test_K.pkl")
        names = splits[f"split{match[2]}_{match[1]}"] = []
        for points, label in _read(file):
            name = f"{label}_{hashlib.sha1(points.tobytes()).hexdigest()[:8]}"
            clips[name] = points, label
            names.append(name)
    classes = sorted({label for _, label in clips.values()})
    with StoreWriter(path, "jhmdb15", num_coords=2, class_names=classes, origin="JHMDB, DD-Net") as store:
        store.splits = splits
        for name, (points, label) in clips.items():
            store.add(name, points[None], classes.index(label))


def _read(file: Path) -> list[tuple[np.ndarray, str]]:
    """Joints ``(T, 15, 2)`` float32 and label of each clip of a pickle."""
    content = load_pickle(file)
    if not isinstance(content, Mapping) or not {"pose", "label"} <= set(content):
        found = f"keys {list(content)[:6]}" if isinstance(content, Mapping) else type(content).__name__
        raise DataError(f"{file}: no pickle of DD-Net, dict(pose=[...], label=[...]), but {found}")
    if len(content["pose"]) != len(content["label"]):
        raise DataError(f"{file}: {len(content['pose'])} poses, but {len(content['label'])} labels")
    clips = []
    for i, (pose, label) in enumerate(zip(content["pose"], content["label"])):
        try:
            points = np.asarray(pose, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise DataError(f"{file}: pose {i} is no array of numbers ({error})") from error
        if points.ndim != 3 or points.shape[1:] != (15, 2) or not len(points):
            raise DataError(f"{file}: pose {i} is {points.shape}, wanted (T frames, 15 joints, 2 coordinates)")
        if not isinstance(label, str):
            raise DataError(f"{file}: label {i} is {label!r}, wanted the name of a class")
        clips.append((points, str(label)))
    return clips
