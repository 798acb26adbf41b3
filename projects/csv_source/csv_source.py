"""Skeletons in files of comma-separated numbers: a source."""

from __future__ import annotations

from pathlib import Path
from typing import Union

import numpy as np

from mmsync.datasets.sources import SkeletonSource
from mmsync.errors import DataError
from mmsync.registry import DATASETS
from mmsync.structures import SkeletonLayout


@DATASETS.register_module()
class CSVSource(SkeletonSource):
    """Clips ``(1, T, V, 3)`` of one person in files ``<root>/<split>/<class>/<clip>.csv``.

    A line is a frame: x, y and z of each joint of the layout, in its order.

    Args:
        data_root: The folder.
        layout: Name or config of the layout.

    Raises:
        DataError: There is no file, or a line has not three numbers a joint.
    """

    num_coords = 3

    def __init__(self, data_root: Union[str, Path], layout: Union[str, dict] = "ntu25") -> None:
        self.layout = SkeletonLayout.from_config(layout)
        self.paths = sorted(Path(data_root).glob("*/*/*.csv"))
        self.names = [path.relative_to(data_root).with_suffix("").as_posix() for path in self.paths]
        self.class_names = sorted({path.parent.name for path in self.paths})
        self.labels = np.array([self.class_names.index(path.parent.name) for path in self.paths], dtype=np.int64)
        self.splits = {}
        for name in self.names:
            self.splits.setdefault(name.split("/")[0], []).append(name)
        self.check(data_root)

    def load(self, index: int) -> np.ndarray:
        """The clip ``(1, T, V, 3)`` float32."""
        path = self.paths[index]
        try:
            numbers = np.loadtxt(path, delimiter=",", dtype=np.float32, ndmin=2)
            return numbers.reshape(1, len(numbers), self.layout.num_joints, 3)
        except ValueError as error:
            raise DataError(f"{path}: give {3 * self.layout.num_joints} numbers a line ({error})") from error
