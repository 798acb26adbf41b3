"""Sources of labeled recordings of sound: ESC-50 and the scenes of DCASE 2013."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Union

import numpy as np
from mmengine.logging import print_log

from mmsync.datasets.sources.base import BaseSource
from mmsync.errors import ConfigError, DataError
from mmsync.fileio import data_path, not_found
from mmsync.registry import DATASETS

PathLike = Union[str, Path]
SCENES = [
    "bus", "busystreet", "office", "openairmarket", "park", "quietstreet", "restaurant", "supermarket", "tube",
    "tubestation",
]  # fmt: skip


class SoundSource(BaseSource):
    """Base of the sources of recordings of sound; a subclass reads its lists and calls ``_open``."""

    item = "recording"
    modality = "audio"
    labels: np.ndarray

    def file(self, index: int) -> Path:
        """The file of a recording."""
        return self._files[index]

    def files(self) -> list[Path]:
        return self._files

    def _open(self, root: Path, found: dict[str, tuple[str, int]], expected: dict[str, int]) -> None:
        """Join split and label by path below the root with the disk."""
        gone = [name for name in found if not (root / name).is_file()]
        self.names = [name for name in found if name not in set(gone)]
        if not self.names:
            raise DataError(f"{root}: none of {len(found)} recordings exists, the first is {next(iter(found), '-')}")
        if gone:
            text = f"{root}: {len(gone)} of {len(found)} recordings are missing, the first is {gone[0]}"
            print_log(text, logger="current", level=30)
        self._files = [root / name for name in self.names]
        self.labels = np.array([found[name][1] for name in self.names], dtype=np.int64)
        self.splits = {split: [name for name in self.names if found[name][0] == split] for split in ("train", "test")}
        self.check(root, expected)


@DATASETS.register_module()
class ESC50Source(SoundSource):
    """ESC-50 (Piczak, 2015): 2000 recordings ``(C, S)`` of 5 s, 50 classes; results are means over five folds.

    Args:
        data_root: Folder with ``audio/`` and ``meta/esc50.csv`` of the published archive.
        fold: 1 to 5; it is the split ``test``, the others are ``train``. Checkpoints keep it.

    Raises:
        ConfigError: Another fold.
        DataError: No folder, or a list that is not as published; the message names the line.
    """

    def __init__(self, data_root: PathLike, fold: int = 1) -> None:
        root = data_path(data_root)
        if fold not in range(1, 6):
            raise ConfigError(f"ESC50Source: fold={fold!r}; ESC-50 has folds 1 to 5")
        meta = root / "meta" / "esc50.csv"
        if not meta.is_file():
            raise DataError(f"{not_found(meta)}: extract ESC-50-master.zip and give its folder")
        found, classes = {}, {}
        with meta.open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.DictReader(file), 2):
                try:
                    name, label, part = f"audio/{row['filename']}", int(row["target"]), int(row["fold"])
                    classes[label] = row["category"]
                except (KeyError, TypeError, ValueError) as error:
                    raise DataError(f"{meta}, line {number}: no filename, fold, target, category: {error!r}") from error
                found[name] = ("test" if part == fold else "train", label)
        if sorted(classes) != list(range(len(classes))):
            raise DataError(f"{meta}: targets are {sorted(classes)[:8]} ...; wanted 0 to 49")
        self.class_names, self.fold = [classes[i] for i in range(len(classes))], f"esc50/{fold}"
        self._open(root, found, {"all": 2000, "train": 1600, "test": 400})


@DATASETS.register_module()
class DCASE2013Source(SoundSource):
    """Scenes of IEEE AASP 2013: recordings ``(C, S)`` of 30 s, ten of each of 10 classes in either split.

    It is the "DCASE" of SoundNet, L3-Net and AVTS. The class of a file is its stem without the last two digits.

    Args:
        data_root: Folder that contains both of the next.
        train_folder: The public set.
        test_folder: The evaluation set.

    Raises:
        DataError: No folder, or a file of no scene.
    """

    class_names = SCENES

    def __init__(
        self, data_root: PathLike, train_folder: str = "scenes_stereo", test_folder: str = "scenes_stereo_testset"
    ) -> None:
        root = data_path(data_root)
        found = {}
        for split, folder in (("train", train_folder), ("test", test_folder)):
            if not (root / folder).is_dir():
                raise DataError(f"{not_found(root / folder)}: extract the recordings of {split} there")
            for path in sorted((root / folder).glob("*.wav")):
                if path.stem[:-2] not in SCENES:
                    raise DataError(f"{path}: its name is no scene and two digits; scenes are {', '.join(SCENES)}")
                found[f"{folder}/{path.name}"] = (split, SCENES.index(path.stem[:-2]))
        self._open(root, found, {"train": 100, "test": 100})
