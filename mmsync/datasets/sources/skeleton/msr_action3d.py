"""MSR-Action3D, its skeletons in meters."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Union

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
    "high arm wave", "horizontal arm wave", "hammer", "hand catch", "forward punch", "high throw", "draw x",
    "draw tick", "draw circle", "hand clap", "two hand wave", "side-boxing", "bend", "forward kick", "side kick",
    "jogging", "tennis swing", "tennis serve", "golf swing", "pick up & throw",
]  # fmt: skip
JOINTS = (
    "left_shoulder", "right_shoulder", "spine_shoulder", "spine", "left_hip", "right_hip", "pelvis",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand",
    "left_knee", "right_knee", "left_ankle", "right_ankle", "left_foot", "right_foot", "head",
)  # fmt: skip
SUBSETS = {"as1": (2, 3, 5, 6, 10, 13, 18, 20), "as2": (1, 4, 7, 8, 9, 11, 12, 14), "as3": (6, *range(14, 21))}
LEFT_OUT = (  # of the published 557: the sensor lost the person
    "a02_s03_e02", "a04_s03_e01", "a07_s04_e01", "a13_s09_e01", "a13_s09_e02", "a13_s09_e03", "a14_s03_e01",
    "a20_s07_e01", "a20_s07_e03", "a20_s10_e03",
)  # fmt: skip


@DATASETS.register_module()
class MSRAction3DSource(StoreSource):
    """MSR-Action3D: 567 clips ``(1, T, 20, 3)`` in meters, 20 classes, 10 subjects (Li et al., CVPR workshops 2010).

    Clips are named ``aAA_sSS_eEE``; attributes ``action``, ``subject`` and ``trial``. Splits, odd subjects against even
    ones, are of the 557 clips that Wang et al. (CVPR 2012) take: ``xsub_train`` and ``xsub_test`` of all classes,
    ``as1_train`` to ``as3_test`` of the three sets of eight classes, whose labels stay those of the twenty.

    Joints are put into the order of ``kinect20``. Frames in which the person was lost are zero in the files and stay so
    (all of ``a13_s09_e02``); ``TrimEmpty(inner=True)`` drops them. The confidence of joints is not kept, so that clips
    have the channels of other Kinect data.

    Args:
        data_root: The folder of ``aAA_sSS_eEE_skeleton3D.txt``, or the one that has them in
            ``MSRAction3DSkeletonReal3D``.
    """

    layout, num_coords = SkeletonLayout.get("kinect20"), 3

    def __init__(self, data_root: Union[str, Path]) -> None:
        root = data_path(data_root)
        inner = root / "MSRAction3DSkeletonReal3D"
        files = list_files(inner if inner.is_dir() else root, "a*_s*_e*_skeleton3D.txt", "MSR-Action3D")
        self._open(cached("msr-action3d-1", files, lambda path: _convert(files, path)))
        self.check(root, {"all": 567, "xsub_train": 284, "xsub_test": 273})


def _convert(files: list[Path], path: Path) -> None:
    order = [JOINTS.index(joint) for joint in MSRAction3DSource.layout.joints]
    with StoreWriter(path, "kinect20", class_names=CLASS_NAMES, origin="MSR-Action3D") as store:
        store.splits = {f"{kind}_{part}": [] for kind in ("xsub", *SUBSETS) for part in ("train", "test")}
        for file in files:
            match = re.fullmatch(r"(a(\d+)_s(\d+)_e(\d+))_skeleton3D", file.stem)
            if match is None:
                raise DataError(f"{file}: the name is not of the form aAA_sSS_eEE_skeleton3D.txt")
            try:
                rows = np.array([line.split() for line in read_text(file).splitlines() if line.strip()], np.float32)
            except ValueError as error:
                raise DataError(f"{file}: no MSR-Action3D skeleton ({error})") from error
            if rows.ndim != 2 or rows.shape[1] != 4 or len(rows) % 20:
                text = f"rows {rows.shape}, wanted 20 of x, y, z, confidence for each frame; is the file whole?"
                raise DataError(f"{file}: {text}")
            name, (action, subject, trial) = match[1], map(int, match.groups()[1:])
            clip = rows.reshape(1, -1, 20, 4)[:, :, order, :3]
            store.add(name, clip, action - 1, action=action, subject=subject, trial=trial)
            if name not in LEFT_OUT:
                kinds = ["xsub", *(kind for kind, actions in SUBSETS.items() if action in actions)]
                for kind in kinds:
                    store.splits[f"{kind}_{'train' if subject % 2 else 'test'}"].append(name)
