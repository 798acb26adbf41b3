"""mmsync's own memory-mapped folder as a source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Optional, Union

import numpy as np

from mmsync.datasets.sources.skeleton.base import SkeletonSource
from mmsync.errors import DataError
from mmsync.registry import DATASETS
from mmsync.store.mapped import MappedArray
from mmsync.store.skeletons import FORMAT
from mmsync.structures import SkeletonLayout


@DATASETS.register_module()
class StoreSource(SkeletonSource):
    """mmsync's own memory-mapped folder; clips ``(M, T, V, C)`` float32 are views of the map.

    Args:
        root: A folder that :class:`StoreWriter` made.
        num_classes: What a config is made for; split names alone do not tell NTU60 from NTU120 or PKU-MMD.

    Raises:
        DataError: The folder is missing, incomplete or inconsistent, or of another data set.
    """

    file_advice = (
        "convert the raw folder by `python tools/dataset_converters/ntu.py RAW {0}` (PKU-MMD: pku.py), other formats "
        "(PYSKL, AimCLR, CTR-GCN) by `python tools/dataset_converters/to_store.py {0} --source type=...`"
    )

    def __init__(self, root: Union[str, Path], num_classes: Optional[int] = None) -> None:
        self._open(Path(root))
        if num_classes and self.class_names and len(self.class_names) != num_classes:
            raise DataError(
                f"{root} has {len(self.class_names)} classes ({self._origin}), the config is made for {num_classes}; "
                "take the config of that data set, or the data_root of this one"
            )
        self.check(root, self._expected)

    def _open(self, root: Path) -> None:
        if not root.is_dir():
            raise DataError(f"{root} not found: {self.file_advice.format(root)}")
        if not (root / "meta.json").is_file():
            raise DataError(
                f"{root} is no store, there is no meta.json; if it holds the raw files, "
                f"{self.file_advice.format('OUT')}, and set data_root=OUT"
            )
        meta, names, self.attributes, self.splits = (
            _read_json(root / f"{part}.json") for part in ("meta", "names", "attributes", "splits")
        )
        if meta.get("format") != FORMAT:
            raise DataError(f"{root}/meta.json: format {meta.get('format')!r}, this version reads {FORMAT!r}")
        self.layout, self.num_coords = SkeletonLayout.from_config(meta["layout"]), meta["num_coords"]
        self.class_names, self.names = meta["class_names"], names
        self._expected: dict[str, int] = meta.get("expected", {})
        self._origin: str = meta.get("origin", "")
        self.attributes = {key: np.array(values) for key, values in self.attributes.items()}
        self.folder = root
        self._clips, index = MappedArray(root / "clips.npy"), MappedArray(root / "index.npy")
        self.index = np.array(index.array)
        self.labels = np.array(MappedArray(root / "labels.npy").array) if (root / "labels.npy").exists() else None
        self._slots = MappedArray(root / "body_slots.npy") if (root / "body_slots.npy").exists() else None
        rows = self._clips.array.shape[0]
        fits = len(self.index) == len(names) and (self.index[:, 1] * self.index[:, 2]).sum() == rows
        if not fits or (self._slots is not None and self._slots.array.shape != (rows,)):
            raise DataError(f"{root}: names, index and clips do not fit; the folder is damaged, convert it again")

    def load(self, index: int) -> np.ndarray:
        """Clip ``(M, T, V, C)``, a read-only view of the map."""
        start, frames, persons = self.index[index]
        rows = self._clips.rows(start, start + frames * persons)
        return rows.reshape(persons, frames, *rows.shape[1:])

    def files(self) -> list[Path]:
        """The files of clips, index and body slots."""
        return [file for part in ("clips", "index", "body_slots") if (file := self.folder / f"{part}.npy").exists()]

    def load_slots(self, index: int) -> Optional[np.ndarray]:
        """``(M, T)`` int8, a read-only view of the map, or ``None`` if the store does not tell."""
        if self._slots is None:
            return None
        start, frames, persons = self.index[index]
        return self._slots.rows(start, start + frames * persons).reshape(persons, frames)


def _read_json(path: Path):
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: missing or damaged ({error}); convert the data set again") from error
