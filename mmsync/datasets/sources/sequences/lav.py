"""Folders of pictures with ``.npy`` labels, as LAV reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Optional, Union

import numpy as np

from mmsync.datasets.sources.safe_pickle import load_pickle
from mmsync.datasets.sources.sequences.frames import FrameSource, checked_labels
from mmsync.errors import DataError
from mmsync.fileio import data_path, not_found
from mmsync.media.pictures import FrameFolderReader
from mmsync.media.whole import every_picture
from mmsync.registry import DATASETS

_SPLITS = ("train", "val", "test")


@DATASETS.register_module()
class LAVSource(FrameSource):
    """Pictures of LAV (Haresh et al., CVPR 2021): features ``(T, F)``, labels of frames as CASA stores them.

    Frames are ``<data_root>/<dataset>/<split>/<video>/*.jpg``, numbered; the activity is the data set. The data root
    may also be the folder of one data set. Labels are ``<labels>/<dataset>_<split>.npy``, a pickled dict
    ``{video: {'labels': (T,)}}``; videos that it lacks have -1 for all frames. Where the file is missing, frames have
    no labels. Sequences are named ``<dataset>/<split>/<video>``.

    Args:
        data_root: The folder of the data sets.
        datasets: The activities, in the order of their labels; ``None``: all that are there, in alphabetical order.
        labels: Folder of the labels.
        background: Label 0 is background, which becomes -1; the others move down by one, as CASA does for IKEA.
        features: Folder of ``<dataset>/<split>/<video>.npy``, made by ``tools/dataset_converters/frame_features.py``.

    Raises:
        DataError: A folder is missing, or labels are of another kind.
    """

    def __init__(
        self, data_root: Union[str, Path], datasets: Optional[Sequence[str]] = None,
        labels: Optional[Union[str, Path]] = None, background: bool = False,
        features: Optional[Union[str, Path]] = None,
    ) -> None:  # fmt: skip
        self.data_root, self.background = data_path(data_root), background
        if not self.data_root.is_dir():
            raise DataError(not_found(data_root))
        folders = _datasets(self.data_root, datasets)
        label_root = None if labels is None else data_path(labels)
        if label_root is not None and not label_root.is_dir():
            raise DataError(f"labels: {not_found(label_root)}")
        self.class_names = list(folders)
        self.names, self.splits, self._folders = [], {}, []
        self._labels: dict[str, object] = {}
        activities = []
        for label, (dataset, folder) in enumerate(folders.items()):
            for split in _SPLITS:
                videos = sorted(path for path in folder.glob(f"{split}/*") if path.is_dir())
                names = [f"{dataset}/{split}/{path.name}" for path in videos]
                self._folders += videos
                self.names += names
                activities += [label] * len(names)
                if names:
                    self.splits.setdefault(split, []).extend(names)
                file = label_root / f"{dataset}_{split}.npy" if label_root is not None else None
                if names and file is not None and file.is_file():
                    found = _read_labels(file)
                    self._labels.update((name, found.get(path.name)) for name, path in zip(names, videos))
        self.labels = np.array(activities, dtype=np.int64)
        if label_root is not None and not self._labels:
            raise DataError(f"{label_root}: no labels such as {self.class_names[0]}_train.npy")
        self._use_features(features)
        self.check(self.data_root)

    def num_frames(self, index: int) -> int:
        return len(FrameFolderReader(self._folders[index]))

    def pictures(self, index: int) -> Iterator[np.ndarray]:
        return every_picture(self._folders[index])

    def frame_labels(self, index: int) -> Optional[np.ndarray]:
        name, frames = self.names[index], self.num_frames(index)
        if name not in self._labels:
            return None
        values = self._labels[name]
        if values is None:
            return np.full(frames, -1)
        return np.maximum(checked_labels(values, frames, name) - self.background, -1)


def _datasets(root: Path, names: Optional[Sequence[str]]) -> dict[str, Path]:
    """Folders of data sets by name."""

    def has_splits(folder: Path) -> bool:
        return any((folder / split).is_dir() for split in _SPLITS)

    whole = root.absolute()  # for the name of a root such as "."
    found = {path.name: path for path in ([whole] if has_splits(root) else sorted(root.iterdir())) if has_splits(path)}
    missing = [name for name in names or [] if name not in found]
    if missing or not found:
        text = f"{root}: no {missing[0] if missing else '<dataset>'}/train/<video>/*.jpg"
        raise DataError(f"{text}; data sets that are there: {', '.join(found) or 'none'}")
    return found if names is None else {name: found[name] for name in names}


def _read_labels(file: Path) -> dict[str, object]:
    """Labels by video out of a dict of CASA; those of joints and parameters are left out."""
    content = load_pickle(file)
    if not isinstance(content, dict) or not all(isinstance(one, dict) for one in content.values()):
        raise DataError(f"{file}: a {type(content).__name__}; wanted a dict of dicts {{video: {{'labels': (T,)}}}}")
    bad = [str(name) for name, one in content.items() if "labels" not in one]
    if bad:
        raise DataError(f"{file}: {len(bad)} videos have no `labels`, the first is {bad[0]}")
    return {str(name): one["labels"] for name, one in content.items()}
