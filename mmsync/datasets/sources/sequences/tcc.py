"""Videos and labels of frames in TFRecords, as the authors of TCC distribute them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmsync.datasets.sources.sequences.frames import FrameSource, checked_labels
from mmsync.errors import DataError
from mmsync.fileio import data_path, not_found, write_text
from mmsync.media.pictures import decode_picture
from mmsync.media.tfrecord import SequenceExample, parse_sequence_example, read_records
from mmsync.parallel import progress
from mmsync.registry import DATASETS
from mmsync.store.cache import cached


@DATASETS.register_module()
class TCCSource(FrameSource):
    """TFRecords of temporal cycle consistency (Dwibedi et al., CVPR 2019): features ``(T, F)``, labels of frames.

    Files are ``<data_root>/<dataset>_tfrecords/<dataset>_<split>*``; the activity is the data set. Sequences are named
    ``<dataset>/<name>``. The first use reads all files and checks their checksums; what it found is kept in the cache.

    Args:
        data_root: The folder of the ``*_tfrecords`` folders.
        datasets: The activities, in the order of their labels; ``None``: all that are there, in alphabetical order.
        features: Folder of ``<dataset>/<name>.npy``, made by ``tools/dataset_converters/frame_features.py``.

    Raises:
        DataError: A folder is missing, or a file is truncated or damaged.
    """

    def __init__(
        self, data_root: Union[str, Path], datasets: Optional[Sequence[str]] = None,
        features: Optional[Union[str, Path]] = None,
    ) -> None:  # fmt: skip
        self.data_root = root = data_path(data_root)
        if not root.is_dir():
            raise DataError(not_found(data_root))
        found = sorted(path.name[: -len("_tfrecords")] for path in root.glob("*_tfrecords"))
        self.class_names = found if datasets is None else list(datasets)
        self._rows: list[dict[str, Any]] = []
        self.splits = {}
        labels = []
        for label, dataset in enumerate(self.class_names):
            files = _files(root, dataset)
            for row in json.loads(cached("tcc-1", files, partial(_index, list(files))).read_text(encoding="utf-8")):
                path, name = list(files)[row["file"]], f"{dataset}/{row['name']}"
                self._rows.append({**row, "file": path, "name": name})
                self.splits.setdefault(files[path], []).append(name)
                labels.append(label)
        self.names = [row["name"] for row in self._rows]
        self.labels = np.array(labels, dtype=np.int64)
        self._use_features(features)
        self.check(root)

    def num_frames(self, index: int) -> int:
        return self._rows[index]["frames"]

    def pictures(self, index: int) -> Iterator[np.ndarray]:
        row = self._rows[index]
        _, payload = next(read_records(row["file"], row["offset"]))
        example = parse_sequence_example(payload, row["name"])
        for i, step in enumerate(example.steps["video"]):
            yield decode_picture(step[0] if step else b"", f"{row['file']}: {row['name']}, picture {i}")

    def frame_labels(self, index: int) -> Optional[np.ndarray]:
        row = self._rows[index]
        if row["labels"] is None:
            return None
        return checked_labels(row["labels"], row["frames"], f"{row['file']}: {row['name']}")


def _files(root: Path, dataset: str) -> dict[Path, str]:
    """The split of each file of a data set."""
    found = {}
    for path in sorted((root / f"{dataset}_tfrecords").glob(f"{dataset}_*")):
        split = re.match(r"[A-Za-z]+", path.name[len(dataset) + 1 :])
        if split and path.is_file():
            found[path] = split[0]
    if not found:
        raise DataError(f"{root}: no {dataset}_tfrecords/{dataset}_<split>*; is this their folder?")
    return found


def _index(files: list[Path], out: Path) -> None:
    """Write where each sequence is, by the number of its file, and its labels, as JSON."""
    rows: list[dict[str, Any]] = []
    with progress(len(files), unit="file", desc=out.name, leave=False) as bar:
        for file, path in enumerate(files):
            for number, (offset, payload) in enumerate(read_records(path)):
                example = parse_sequence_example(payload, f"{path}: record {number}")
                rows.append({"file": file, "offset": offset, **_facts(example, f"{path}: record {number}")})
            bar.update()
    write_text(out, json.dumps(rows))


def _facts(example: SequenceExample, where: str) -> dict[str, Any]:
    name = example.context.get("name")
    if not isinstance(name, list) or not name or not example.steps.get("video"):
        raise DataError(f"{where}: no name in the context, or no feature list `video`; is this a file of TCC?")
    steps = example.steps.get("frame_labels")
    labels = None if not steps else np.concatenate([np.asarray(step, dtype=np.int64) for step in steps]).tolist()
    text = bytes(name[0]).decode("utf-8", "replace")
    return {"name": text, "frames": len(example.steps["video"]), "labels": labels}
