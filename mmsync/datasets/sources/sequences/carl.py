"""Video files with pickled lists, as CARL and VSP distribute them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmsync.datasets.sources.safe_pickle import load_pickle
from mmsync.datasets.sources.sequences.frames import FrameSource, checked_labels
from mmsync.errors import ConfigError, DataError
from mmsync.fileio import data_path, not_found
from mmsync.media.whole import every_picture
from mmsync.registry import DATASETS
from mmsync.store.frame_features import map_features

_CONVERT = (
    'if you trust its origin, convert it where torch is installed: python -c "import pickle, sys; f = sys.argv[1]; '
    "d = pickle.load(open(f, 'rb')); [i.update(frame_label=i['frame_label'].cpu().numpy().copy()) "
    "for i in (d[0] if isinstance(d, tuple) else d)]; pickle.dump(d, open(f, 'wb'))\" FILE"
)


@DATASETS.register_module()
class CARLSource(FrameSource):
    """Videos of CARL (Chen et al., CVPR 2022) and VSP: features ``(T, F)``, labels of frames, splits by file.

    ``<data_root>/<split>.pkl`` is a list of items ``id, name, video_file, frame_label, seq_len``, or a tuple whose
    first part is that list (Penn Action); ``video_file`` is below the data root. An item with ``action_label`` has its
    activity in ``name`` from the sixth letter on. Where the numbers of frames and labels differ, entries of the longer
    one are taken at ``floor(j * longer / shorter)``, as CARL does.

    Args:
        data_root: The folder of ``train.pkl`` and ``val.pkl``.
        activity: The activity of items without ``action_label``.
        features: Folder of ``<name>.npy``, made by ``tools/dataset_converters/frame_features.py``.
        tolerance: Largest share of the longer one by which numbers of frames and labels may differ, 0 to 1.

    Raises:
        ConfigError: The tolerance is out of its range.
        DataError: A list is missing, is refused by the allow-list of pickles, or lacks a key.
    """

    def __init__(
        self, data_root: Union[str, Path], activity: str = "pouring", features: Optional[Union[str, Path]] = None,
        tolerance: float = 0.1,
    ) -> None:  # fmt: skip
        if not 0 <= tolerance <= 1:
            raise ConfigError(f"tolerance={tolerance}; give a share from 0 to 1")
        self.data_root, self.tolerance = data_path(data_root), tolerance
        files = [file for split in ("train", "val", "test") for file in self.data_root.glob(f"{split}.pkl")]
        if not files:
            where = f"{self.data_root}: no train.pkl or val.pkl" if self.data_root.is_dir() else not_found(data_root)
            raise DataError(where)
        self._items: list[dict[str, Any]] = []
        self.splits = {}
        for file in files:
            items = _read(file)
            self.splits[file.stem] = [item["name"] for item in items]
            self._items += items
        self.names = [item["name"] for item in self._items]
        activities = [item["name"][5:] if "action_label" in item else activity for item in self._items]
        self.class_names = sorted(set(activities))
        self.labels = np.array([self.class_names.index(one) for one in activities], dtype=np.int64)
        self._use_features(features)
        self.check(self.data_root)

    def pictures(self, index: int) -> Iterator[np.ndarray]:
        return every_picture(self.data_root / self._items[index]["video_file"])

    def load(self, index: int) -> np.ndarray:
        features, labels = super().load(index), self._labels(index)
        return features if labels is None else features[self._matched(index, len(features), len(labels))[0]]

    def frame_labels(self, index: int) -> Optional[np.ndarray]:
        labels = self._labels(index)
        if labels is None or self.features is None:
            return labels
        return labels[self._matched(index, len(map_features(self.feature_file(index))), len(labels))[1]]

    def _labels(self, index: int) -> Optional[np.ndarray]:
        values = self._items[index].get("frame_label")
        return None if values is None else checked_labels(values, None, self.names[index])

    def _matched(self, index: int, features: int, labels: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of features, and entries of labels, that are kept, given the number of each."""
        short = min(features, labels)
        if abs(features - labels) > self.tolerance * max(features, labels):
            text = f"{features} rows of features, but {labels} labels, more than tolerance={self.tolerance} apart"
            raise DataError(f"{self.names[index]}: {text}; are they of the same video?")
        return np.arange(short) * features // short, np.arange(short) * labels // short


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        content = load_pickle(file, tensors=True)
    except DataError as error:
        raise DataError(f"{error}; {_CONVERT}" if "refused" in str(error) else str(error)) from error
    items = content[0] if isinstance(content, tuple) and content else content
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise DataError(f"{file}: a {type(items).__name__}; wanted a list of dicts, or a tuple that begins with one")
    for number, item in enumerate(items):
        missing = [key for key in ("name", "video_file") if not isinstance(item.get(key), str)]
        if missing:
            raise DataError(f"{file}: item {number} has no text {' and '.join(missing)}; it has {', '.join(item)}")
    return items
