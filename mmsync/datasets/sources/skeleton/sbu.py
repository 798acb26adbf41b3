"""SBU Kinect Interaction."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmsync.datasets.sources.skeleton.base import list_files
from mmsync.datasets.sources.skeleton.store import StoreSource
from mmsync.errors import DataError
from mmsync.fileio import data_path, read_text
from mmsync.registry import DATASETS
from mmsync.store.cache import cached
from mmsync.store.skeletons import StoreWriter
from mmsync.structures import SkeletonLayout

CLASS_NAMES = [
    "approaching", "departing", "kicking", "punching", "pushing", "hugging", "shaking hands", "exchanging object",
]  # fmt: skip
FOLDS = {
    1: ("s01s02", "s03s04", "s05s02", "s06s04"),
    2: ("s02s03", "s02s07", "s03s05", "s05s03"),
    3: ("s01s03", "s01s07", "s07s01", "s07s03"),
    4: ("s02s01", "s02s06", "s03s02", "s03s06"),
    5: ("s04s02", "s04s03", "s04s06", "s06s02", "s06s03"),
}
_SIZE = {1: 55, 2: 52, 3: 56}  # clips in each of the folds whose size is known


@DATASETS.register_module()
class SBUSource(StoreSource):
    """SBU Kinect Interaction: two persons, clips ``(2, T, 15, 3)``, 8 classes (Yun et al., CVPR workshops 2012).

    Coordinates are as published: x and y relative to the picture with y down, z depth. Clips are named
    ``sXXsYY_CC_NNN``; attributes ``fold`` (1 to 5; 0 for pairs of no fold), ``subject`` and ``partner``; splits
    ``foldK_test`` and ``foldK_train`` (the other folds that are there).

    Args:
        data_root: The folder of ``sXXsYY/CC/NNN/skeleton_pos.txt``.
    """

    layout, num_coords = SkeletonLayout.get("sbu15"), 3

    def __init__(self, data_root: Union[str, Path]) -> None:
        root = data_path(data_root)
        files = list_files(root, "s??s??/*/*/skeleton_pos.txt", "SBU")
        self._open(cached("sbu-1", files, lambda path: _convert(files, path)))
        present = [fold for fold in _SIZE if f"fold{fold}_test" in self.splits]
        self.check(root, {f"fold{fold}_test": _SIZE[fold] for fold in present})

    def fold_of(self, split: Any) -> Optional[str]:
        """The fold in the name of a split, as ``'sbu/1'``; ``'sbu/all'`` of all clips."""
        match = re.match(r"fold(\d+)_", split) if isinstance(split, str) else None
        return f"sbu/{match[1]}" if match else "sbu/all" if split is None else None


def _convert(files: list[Path], path: Path) -> None:
    fold_of = {pair: fold for fold, pairs in FOLDS.items() for pair in pairs}
    names, folds = [], []
    with StoreWriter(path, "sbu15", class_names=CLASS_NAMES, origin="SBU Kinect Interaction") as store:
        for file in files:
            pair, action, run = file.parts[-4:-1]
            who = re.fullmatch(r"s(\d\d)s(\d\d)", pair)
            try:
                rows = np.loadtxt(read_text(file).splitlines(), delimiter=",", dtype=np.float32, ndmin=2)
                clip = rows[:, 1:].reshape(len(rows), 2, 15, 3).swapaxes(0, 1)  # the first value is the frame number
                label = int(action) - 1
            except ValueError as error:
                raise DataError(f"{file}: no SBU clip of two persons with 15 joints ({error})") from error
            if who is None:
                raise DataError(f"{file}: the folder {pair} is not named sXXsYY")
            subject, partner = map(int, who.groups())
            names.append(f"{pair}_{action}_{run}")
            folds.append(fold_of.get(pair, 0))
            store.add(names[-1], clip, label, fold=folds[-1], subject=subject, partner=partner)
        for fold in sorted(set(folds) - {0}):
            store.splits[f"fold{fold}_train"] = [n for n, f in zip(names, folds) if f not in (0, fold)]
            store.splits[f"fold{fold}_test"] = [n for n, f in zip(names, folds) if f == fold]
