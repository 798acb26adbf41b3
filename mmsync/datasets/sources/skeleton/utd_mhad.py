"""UTD-MHAD, its skeletons."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Union

import numpy as np

from mmsync.datasets.sources.skeleton.base import list_files
from mmsync.datasets.sources.skeleton.store import StoreSource
from mmsync.errors import DataError
from mmsync.fileio import data_path
from mmsync.registry import DATASETS
from mmsync.store.cache import cached
from mmsync.store.skeletons import StoreWriter
from mmsync.structures import SkeletonLayout

CLASS_NAMES = [
    "right arm swipe to the left", "right arm swipe to the right", "right hand wave", "two hand front clap",
    "right arm throw", "cross arms in the chest", "basketball shoot", "right hand draw x",
    "right hand draw circle (clockwise)", "right hand draw circle (counter clockwise)", "draw triangle",
    "bowling (right hand)", "front boxing", "baseball swing from right", "tennis right hand forehand swing",
    "arm curl (two arms)", "tennis serve", "two hand push", "right hand knock on door",
    "right hand catch an object", "right hand pick up and throw", "jogging in place", "walking in place",
    "sit to stand", "stand to sit", "forward lunge (left foot forward)", "squat (two arms stretch out)",
]  # fmt: skip
JOINTS = (
    "head", "spine_shoulder", "spine", "pelvis",
    "left_shoulder", "left_elbow", "left_wrist", "left_hand", "right_shoulder", "right_elbow", "right_wrist",
    "right_hand", "left_hip", "left_knee", "left_ankle", "left_foot", "right_hip", "right_knee", "right_ankle",
    "right_foot",
)  # fmt: skip


@DATASETS.register_module()
class UTDMHADSource(StoreSource):
    """UTD-MHAD: 861 clips ``(1, T, 20, 3)`` in meters at 30 Hz, 27 classes, 8 subjects (Chen et al., ICIP 2015).

    Clips are named ``aA_sS_tT``; attributes ``action``, ``subject`` and ``trial``; splits ``xsub_train`` (odd subjects)
    and ``xsub_test`` (even ones). Joints are put into the order of ``kinect20``. The files are parsed once.

    Args:
        data_root: The folder of ``aA_sS_tT_skeleton.mat``, or the one that has them in ``Skeleton``.
    """

    layout, num_coords = SkeletonLayout.get("kinect20"), 3

    def __init__(self, data_root: Union[str, Path]) -> None:
        root = data_path(data_root)
        root = root / "Skeleton" if (root / "Skeleton").is_dir() else root
        files = list_files(root, "a*_s*_t*_skeleton.mat", "UTD-MHAD")
        self._open(cached("utd-mhad-1", files, lambda path: _convert(files, path)))
        self.check(root, {"all": 861, "xsub_train": 431, "xsub_test": 430})


def _convert(files: list[Path], path: Path) -> None:
    from scipy.io import loadmat  # a quarter of a second, which other data sets do not need

    order = [JOINTS.index(joint) for joint in UTDMHADSource.layout.joints]
    with StoreWriter(path, "kinect20", class_names=CLASS_NAMES, origin="UTD-MHAD") as store:
        store.splits = {"xsub_train": [], "xsub_test": []}
        for file in files:
            match = re.fullmatch(r"(a(\d+)_s(\d+)_t(\d+))_skeleton", file.stem)
            if match is None:
                raise DataError(f"{file}: the name is not of the form aA_sS_tT_skeleton.mat")
            try:
                points = np.asarray(loadmat(file, variable_names=["d_skel"])["d_skel"], dtype=np.float32)
            except Exception as error:  # SciPy fails in many ways on a damaged file
                raise DataError(f"{file}: no UTD-MHAD skeleton ({type(error).__name__}: {error})") from error
            if points.ndim != 3 or points.shape[:2] != (20, 3) or not points.shape[2]:
                raise DataError(f"{file}: d_skel is {points.shape}, wanted (20 joints, 3 coordinates, T frames)")
            name, (action, subject, trial) = match[1], map(int, match.groups()[1:])
            clip = points.transpose(2, 0, 1)[None, :, order]
            store.add(name, clip, action - 1, action=action, subject=subject, trial=trial)
            store.splits["xsub_train" if subject % 2 else "xsub_test"].append(name)
