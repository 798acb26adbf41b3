"""mmsync's own memory-mapped folder as a source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmsync.datasets.sources.skeleton.base import SkeletonSource
from mmsync.errors import DataError, LayoutError
from mmsync.fileio import data_path, not_found
from mmsync.registry import DATASETS
from mmsync.store.ragged import Ragged
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
        "convert the raw folder by `mmsync ntu RAW {0}` (PKU-MMD: pku), other formats "
        "(PYSKL, AimCLR, CTR-GCN) by `mmsync to_store {0} --source type=...`"
    )

    def __init__(self, root: Union[str, Path], num_classes: Optional[int] = None) -> None:
        self._open(data_path(root))
        if num_classes and self.class_names and len(self.class_names) != num_classes:
            text = f"{len(self.class_names)} classes ({self._origin}), the config is made for {num_classes}"
            raise DataError(f"{root} has {text}; take the config of that data set, or the data_root of this one")
        self.check(root, self._expected)

    @classmethod
    def stated(cls, cfg: Mapping[str, Any]) -> dict[str, Any]:
        """What the folder of a config holds, for the config check; nothing of a folder that cannot be read."""
        try:
            meta = json.loads((Path(cfg["root"]) / "meta.json").read_text(encoding="utf-8"))
            return {key: meta[key] for key in ("layout", "num_coords", "class_names") if meta.get(key) is not None}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):  # reported where it is opened
            return {}

    def _open(self, root: Path) -> None:
        if not root.is_dir():
            raise DataError(f"{not_found(root)}: {self.file_advice.format(root)}")
        if not (root / "meta.json").is_file():
            advice = f"if it holds the raw files, {self.file_advice.format('OUT')}, and set data_root=OUT"
            raise DataError(f"{root} is no store, there is no meta.json; {advice}")
        arrays = ["clips", *(["body_slots"] if (root / "body_slots.npy").is_file() else [])]
        self._store = Ragged(root, FORMAT, arrays)
        meta = self._store.meta
        lacking = {"layout", "num_coords", "class_names"} - set(meta)
        if lacking:
            raise DataError(f"{root}/meta.json lacks {', '.join(sorted(lacking))}; convert the data again")
        self.layout, self.num_coords = SkeletonLayout.from_config(meta["layout"]), meta["num_coords"]
        joints = self._store.arrays["clips"].array.shape[1]
        if joints != self.layout.num_joints:
            text = f"clips of {joints} joints, but its layout {self.layout} has {self.layout.num_joints}"
            raise LayoutError(f"{root} has {text}; convert the data again")
        self.class_names, self.names, self.splits = meta["class_names"], *map(self._store.json, ("names", "splits"))
        self._expected: dict[str, int] = meta.get("expected", {})
        self._origin: str = meta.get("origin", "")
        self.attributes = {key: np.array(values) for key, values in self._store.json("attributes").items()}
        self.labels = self._store.load("labels") if (root / "labels.npy").is_file() else None
        if len(self._store) != len(self.names):
            raise DataError(f"{root}: names and index do not fit; the folder is damaged, convert the data again")

    @property
    def folder(self) -> Path:
        return self._store.root

    def load(self, index: int) -> np.ndarray:
        """Clip ``(M, T, V, C)``, a read-only view of the map."""
        return self._rows("clips", index)

    def files(self) -> list[Path]:
        return [self.folder / f"{part}.npy" for part in (*self._store.arrays, "index")]

    def load_slots(self, index: int) -> Optional[np.ndarray]:
        return self._rows("body_slots", index) if "body_slots" in self._store.arrays else None

    def _rows(self, array: str, index: int) -> np.ndarray:
        rows, persons = self._store.rows(array, index), self._store.index[index, 2]
        return rows.reshape(persons, -1, *rows.shape[1:])
