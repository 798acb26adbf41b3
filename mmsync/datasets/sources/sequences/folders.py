"""A folder of one's own sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Optional, Union

import numpy as np

from mmsync.datasets.sources.sequences.activities import PENN_PHASES
from mmsync.datasets.sources.sequences.records import Record, RecordSource, as_phase, folder, read_array
from mmsync.errors import DataError
from mmsync.registry import DATASETS


@DATASETS.register_module()
class FeatureFolderSource(RecordSource):
    """Files ``<split>/<activity>/<name>.npy`` of features ``(T, F)`` or joints ``(T, V, C)`` of frames.

    Phases are ``<name>.labels.npy`` or ``<name>.labels.csv`` beside them, ``(T,)`` whole numbers, one a line; none have
    to be there. Sequences are named ``<split>/<activity>/<name>``, in the order of these names.

    Args:
        data_root: The folder.
        activities: Read these; ``None``: all that have a folder.
        phases: Names of the phases by activity; those of Penn Action are known.
        background: Label of frames without a phase, which become -1; later labels are lowered by one.
        layout: The joints; ``None`` derives it from their number.

    Raises:
        ConfigError: An unknown activity.
        DataError: No folder, or no file in it.
        LayoutError: Joints of another number than those of the layout.
    """

    def __init__(
        self, data_root: Union[str, Path], activities: Optional[Sequence[str]] = None,
        phases: Optional[Mapping[str, Sequence[str]]] = None, background: Optional[int] = None,
        layout: Union[str, Mapping, None] = None,
    ) -> None:  # fmt: skip
        root = folder(data_root, "<split>/<activity>/<name>.npy")
        self._files = sorted(path for path in root.glob("*/*/*.npy") if not path.stem.endswith(".labels"))
        if not self._files:
            raise DataError(f"{root}: no <split>/<activity>/<name>.npy in it; is this the right folder?")
        records = []
        for path in self._files:
            split, activity, _ = path.relative_to(root).parts
            name = f"{split}/{activity}/{path.stem}"
            records.append(Record(name, activity, split, partial(read_array, path), partial(_phase, path, background)))
        self.fill(records, root, activities, {**PENN_PHASES, **(phases or {})}, layout=layout)


def _phase(path: Path, background: Optional[int]) -> Optional[np.ndarray]:
    for suffix in (".labels.npy", ".labels.csv"):
        labels = path.with_name(path.stem + suffix)
        if labels.is_file():
            return as_phase(np.atleast_1d(read_array(labels)), str(labels), background)
    return None
