"""Penn Action."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Union

import numpy as np
from tqdm import tqdm

from mmsync.datasets.sources.skeleton.base import list_files
from mmsync.datasets.sources.skeleton.store import StoreSource
from mmsync.errors import DataError
from mmsync.fileio import data_path
from mmsync.registry import DATASETS
from mmsync.store.cache import cached
from mmsync.store.skeletons import StoreWriter
from mmsync.structures import SkeletonLayout

CLASS_NAMES = [
    "baseball_pitch", "baseball_swing", "bench_press", "bowl", "clean_and_jerk", "golf_swing", "jump_rope",
    "jumping_jacks", "pullup", "pushup", "situp", "squat", "strum_guitar", "tennis_forehand", "tennis_serve",
]  # fmt: skip


@DATASETS.register_module()
class PennActionSource(StoreSource):
    """Penn Action: 2326 clips ``(1, T, 13, 3)`` of x, y in pixels and visibility, 15 classes (Zhang et al., ICCV 2013).

    Clips are named by their number (``0001``); attributes ``view`` (``front``, ``back``, ``left``, ``right``),
    ``height`` and ``width``; splits ``train`` and ``test`` by the published flag.

    Args:
        data_root: The folder that holds ``labels/*.mat``, or that folder itself.
    """

    layout, num_coords = SkeletonLayout.get("penn13"), 2

    def __init__(self, data_root: Union[str, Path]) -> None:
        root = data_path(data_root)
        root = root / "labels" if (root / "labels").is_dir() else root
        files = list_files(root, "*.mat", "Penn Action")
        self._open(cached("penn-1", files, lambda path: _convert(files, path)))
        self.check(root, {"all": 2326, "train": 1258, "test": 1068})


def _convert(files: list[Path], path: Path) -> None:
    from scipy.io import loadmat  # a quarter of a second, which other data sets do not need

    clips: list[tuple[str, np.ndarray, str, str, dict[str, Any]]] = []
    for file in tqdm(files, desc="Penn Action", delay=2, leave=False, disable=None):
        try:
            mat = loadmat(file, variable_names=["action", "pose", "x", "y", "visibility", "train", "dimensions"])
            keypoint = np.stack([mat["x"], mat["y"], mat["visibility"]], axis=-1).astype(np.float32)
            action, pose = (str(np.ravel(mat[key])[0]) for key in ("action", "pose"))
            height, width = (int(v) for v in np.ravel(mat["dimensions"])[:2])
            split = "train" if np.ravel(mat["train"])[0] > 0 else "test"
        except Exception as error:  # SciPy fails in many ways on a damaged file
            raise DataError(f"{file}: no Penn Action annotation ({type(error).__name__}: {error})") from error
        clips.append((file.stem, keypoint[None], action, split, {"view": pose, "height": height, "width": width}))
    found = {action for _, _, action, _, _ in clips}
    classes = CLASS_NAMES if found <= set(CLASS_NAMES) else sorted(found)
    with StoreWriter(path, "penn13", num_coords=2, class_names=classes, origin="Penn Action") as store:
        store.splits = {"train": [], "test": []}
        for name, keypoint, action, split, attributes in clips:
            store.add(name, keypoint, classes.index(action), **attributes)
            store.splits[split].append(name)
