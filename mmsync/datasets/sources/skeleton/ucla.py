"""Northwestern-UCLA Multiview Action 3D, as CTR-GCN users have it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Union

import numpy as np

from mmsync.datasets.sources.base import attributes_from_names
from mmsync.datasets.sources.skeleton.base import list_files
from mmsync.datasets.sources.skeleton.store import StoreSource
from mmsync.errors import DataError
from mmsync.fileio import data_path, read_text
from mmsync.registry import DATASETS
from mmsync.store.cache import cached
from mmsync.store.skeletons import StoreWriter
from mmsync.structures import SkeletonLayout

CLASS_NAMES = [
    "pick up with one hand", "pick up with two hands", "drop trash", "walk around", "sit down",
    "stand up", "donning", "doffing", "throw", "carry",
]  # fmt: skip


@DATASETS.register_module()
class NWUCLASource(StoreSource):
    """NW-UCLA: 1484 clips ``(1, T, 20, 3)`` in meters, 10 classes, 10 subjects, 3 views (Wang et al., CVPR 2014).

    Splits: ``xview_train`` (views 1 and 2), ``xview_test`` (view 3), and for each subject ``xsubNN_test`` and
    ``xsubNN_train`` (the other subjects). The json files are parsed once and kept in the cache folder.

    Args:
        data_root: The folder that holds ``all_sqe/*.json``, or that folder itself.
    """

    layout, num_coords = SkeletonLayout.get("kinect20"), 3

    def __init__(self, data_root: Union[str, Path]) -> None:
        root = data_path(data_root)
        root = root / "all_sqe" if (root / "all_sqe").is_dir() else root
        files = list_files(root, "*.json", "NW-UCLA")
        self._open(cached("ucla-1", files, lambda path: _convert(files, path)))
        self.check(root, {"all": 1484, "xview_train": 1020, "xview_test": 464})


def _convert(files: list[Path], path: Path) -> None:
    attributes = attributes_from_names([file.stem for file in files])
    if not attributes:
        odd = next(file for file in files if not attributes_from_names([file.stem]))
        raise DataError(f"{odd}: the name is not of the form aAA_sSS_eEE_vVV")
    with StoreWriter(path, "kinect20", class_names=CLASS_NAMES, origin="NW-UCLA json") as store:
        for i, file in enumerate(files):
            try:
                clip = json.loads(read_text(file))
                keypoint, label = np.array(clip["skeletons"], dtype=np.float32), int(clip["label"]) - 1
                store.add(file.stem, keypoint[None], label, **{k: v[i] for k, v in attributes.items()})
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(f"{file}: no NW-UCLA clip ({type(error).__name__}: {error})") from error
        names, view, subject = np.array([f.stem for f in files]), attributes["view"], attributes["subject"]
        store.splits = {"xview_train": names[view < 3].tolist(), "xview_test": names[view == 3].tolist()}
        for who in np.unique(subject):
            store.splits[f"xsub{who:02d}_train"] = names[subject != who].tolist()
            store.splits[f"xsub{who:02d}_test"] = names[subject == who].tolist()
