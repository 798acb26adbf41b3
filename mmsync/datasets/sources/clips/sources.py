"""Sources of plain video clips: UCF101, HMDB51, Kinetics, lists of paths and labels, folders of classes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from mmengine.logging import print_log

from mmsync.datasets.sources.base import BaseSource
from mmsync.datasets.sources.clips import lists as readers
from mmsync.datasets.sources.clips.lists import ClipList
from mmsync.errors import ConfigError, DataError
from mmsync.fileio import data_path, not_found, one_writer
from mmsync.media import USABLE, VideoIndex, build_index, open_video
from mmsync.registry import DATASETS
from mmsync.store.cache import cache_root

PathLike = Union[str, Path]


class ClipSource(BaseSource):
    """Base of the sources of video clips, which are indexed once; a subclass reads its lists and calls ``_open``."""

    modality = "video"
    labels: np.ndarray
    rows: list[dict[str, Any]]  # of the index, (n,); see mmsync.media.scan_video

    def problem(self, index: int) -> Optional[str]:
        row = self.rows[index]
        if row["status"] in USABLE:
            return None
        return f"{self.names[index]}: {row['status']}: {row['reason']}"

    def file(self, index: int) -> Path:
        """The file of a clip."""
        return self._index.path(self._files[index])

    def read(
        self, index: int, times: np.ndarray, size: int, crop: Optional[tuple[int, int, int, int]] = None
    ) -> np.ndarray:
        """Pictures ``(T, H, W, 3)`` uint8 at ``times (T,)``, seconds; shorter side ``size``, then cut to ``crop``."""
        with open_video(self.file(index)) as reader:
            return reader.read(times, size, crop)

    def _open(
        self, root: Path, lists: Mapping[str, ClipList], index: Union[VideoIndex, PathLike, None],
        files: Optional[Mapping[str, str]] = None,
    ) -> None:  # fmt: skip
        """Join the lists by split (``''``: none) with the disk; ``files`` are paths that differ from the lists."""
        labels: dict[str, int] = {}
        for split, part in lists.items():
            if part.num_frames is not None:
                raise DataError(f"the list of {split} names folders of frames; a source of clips reads video files")
            for name, label in zip(part.paths, part.labels.tolist()):
                if labels.setdefault(name, label) != label:
                    raise DataError(f"{name} has label {labels[name]} and, in the list of {split}, {label}")
        self._index = index if isinstance(index, VideoIndex) else _index_of(root, index)
        place = {name: name for name in labels} if files is None else files
        self.names = [name for name in labels if place.get(name, "") in self._index]
        gone = [name for name in labels if place.get(name, "") not in self._index]
        if not self.names:
            raise DataError(f"{root}: none of the {len(labels)} listed clips exists, the first is {gone[0]}")
        if gone:
            text = f"{root}: {len(gone)} of {len(labels)} listed clips are missing, the first is {gone[0]}"
            print_log(text, logger="current", level=30)
        self._files = [place[name] for name in self.names]
        self.rows = [self._index[file] for file in self._files]
        self.labels = np.array([labels[name] for name in self.names], dtype=np.int64)
        there = set(self.names)
        self.splits = {split: [n for n in part.paths if n in there] for split, part in lists.items() if split}
        first = next(iter(lists.values()))
        self.class_names, self.fold = first.class_names, first.fold
        self.check(root)


def _index_of(root: Path, file: Optional[PathLike]) -> VideoIndex:
    if file is not None:
        return VideoIndex.load(data_path(file), root)
    digest = hashlib.sha1(str(root.resolve()).encode()).hexdigest()[:16]
    out = cache_root() / f"videos-{digest}.jsonl"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with one_writer(out):  # other processes wait, and then have nothing left to do
            return build_index(root, out, workers=os.cpu_count() or 1)
    except OSError as error:
        raise DataError(f"cannot write the index {out}: {error}; set MMSYNC_CACHE to a folder with space") from error


def _folder(root: Path, given: Optional[PathLike], usual: Sequence[str], advice: str) -> Path:
    """The given folder, or the first existing one of the usual names, or the root itself."""
    if given is not None:
        return data_path(given)
    if not root.is_dir():
        raise DataError(f"{not_found(root)}: {advice.format(root)}")
    return next((root / name for name in usual if (root / name).is_dir()), root)


class _FoldSource(ClipSource):
    """Three folds as published; a subclass gives the usual names of its folders, and the reader of a fold's lists."""

    file_advice: str
    usual_lists: tuple[str, ...]
    usual_media: tuple[str, ...]
    read_lists: Callable[[Path, int, str], ClipList]

    def __init__(
        self, data_root: PathLike, fold: int = 1, media_root: Optional[PathLike] = None,
        lists_root: Optional[PathLike] = None, index_file: Optional[PathLike] = None,
    ) -> None:  # fmt: skip
        root = data_path(data_root)
        folder = _folder(root, lists_root, self.usual_lists, self.file_advice)
        lists = {split: self.read_lists(folder, fold, split) for split in ("train", "test")}
        self._open(_folder(root, media_root, self.usual_media, self.file_advice), lists, index_file)


@DATASETS.register_module()
class UCF101Source(_FoldSource):
    """UCF101 (Soomro et al., 2012): 13,320 clips ``(T, H, W, 3)`` of 101 classes, splits ``train`` and ``test``.

    Args:
        data_root: Folder with ``UCF-101/<Class>/*.avi`` and ``ucfTrainTestlist/`` as in the published archives, or with
            ``videos/`` and ``annotations/``.
        fold: 1, 2 or 3. It is kept in checkpoints, which are not tested on another fold.
        media_root: Folder of the classes, if it is elsewhere.
        lists_root: Folder of the lists, if it is elsewhere.
        index_file: Index of the folder of the classes; ``None`` makes one, once.
    """

    file_advice = "extract UCF101.rar and UCF101TrainTestSplits-RecognitionTask.zip into {0}"
    usual_lists, usual_media = ("ucfTrainTestlist", "annotations"), ("UCF-101", "videos")
    read_lists = staticmethod(readers.read_ucf101)


@DATASETS.register_module()
class HMDB51Source(_FoldSource):
    """HMDB51 (Kuehne et al., 2011): clips ``(T, H, W, 3)`` of 51 classes, splits ``train`` and ``test``.

    Args:
        data_root: Folder with ``hmdb51_org/<class>/*.avi``, all archives unpacked, and the split files in
            ``testTrainMulti_7030_splits/``; also ``videos/`` and ``annotations/``, or the classes at the top.
        fold: 1, 2 or 3. It is kept in checkpoints, which are not tested on another fold.
        media_root: Folder of the classes, if it is elsewhere.
        lists_root: Folder of the split files, if it is elsewhere.
        index_file: Index of the folder of the classes; ``None`` makes one, once.
    """

    file_advice = "extract hmdb51_org.rar, the archives in it, and test_train_splits.rar into {0}"
    usual_lists = ("testTrainMulti_7030_splits", "test_train_splits", "annotations")
    usual_media = ("hmdb51_org", "videos")
    read_lists = staticmethod(readers.read_hmdb51)


@DATASETS.register_module()
class KineticsSource(ClipSource):
    """Kinetics-400, 600 or 700 (Kay et al., 2017): clips ``(T, H, W, 3)``, splits as its list names them.

    Args:
        data_root: Folder with ``<split>/<class>/<id>_<start>_<end>.mp4``; folders may write a class with blanks,
            underscores or brackets.
        list_file: The csv ``label,youtube_id,time_start,time_end,split``.
        index_file: Index of ``data_root``; ``None`` makes one, once.

    Raises:
        DataError: The list is another one, or none of its clips is there.
    """

    def __init__(self, data_root: PathLike, list_file: PathLike, index_file: Optional[PathLike] = None) -> None:
        root, table = data_path(data_root), readers.read_kinetics(list_file)
        of = np.array([path.split("/")[0] for path in table.paths])
        lists = {}
        for split in dict.fromkeys(of.tolist()):
            rows = np.flatnonzero(of == split)
            lists[split] = ClipList([table.paths[i] for i in rows], table.labels[rows], table.class_names)
        files = readers.find_kinetics(root, table.paths)
        found = {name: path.relative_to(root).as_posix() for name, path in files.items()}
        self._open(root, lists, index_file, found)


@DATASETS.register_module()
class ClipListSource(ClipSource):
    """Clips ``(T, H, W, 3)`` of text lists, one ``path label`` or ``path,label`` a line.

    Args:
        data_root: The folder that paths are below.
        list_file: The list of each split, ``dict(train='train.txt', test='test.txt')``.
        class_names: Names of the labels.
        fold: Name of the fold, ``'<data set>/<fold>'``, if these lists are one of several that share clips.
        index_file: Index of ``data_root``; ``None`` makes one, once.

    Raises:
        ConfigError: The fold has another form, or there is no list.
        DataError: A list cannot be read, or none of its clips is there.
    """

    def __init__(
        self, data_root: PathLike, list_file: Mapping[str, PathLike], class_names: Optional[Sequence[str]] = None,
        fold: Optional[str] = None, index_file: Optional[PathLike] = None,
    ) -> None:  # fmt: skip
        if fold is not None and "/" not in fold:
            raise ConfigError(f"ClipListSource: fold={fold!r}; give '<data set>/<fold>'")
        if not list_file:
            raise ConfigError("ClipListSource: list_file is empty; give dict(train='train.txt', test='test.txt')")
        facts: dict[str, Any] = dict(class_names=None if class_names is None else list(class_names), fold=fold)
        lists = {split: readers.read_list(file)._replace(**facts) for split, file in list_file.items()}
        self._open(data_path(data_root), lists, index_file)


@DATASETS.register_module()
class ClipFolderSource(ClipSource):
    """Clips ``(T, H, W, 3)`` in folders of their classes, ``<class>/<clip>`` or ``<split>/<class>/<clip>``.

    Classes are in alphabetical order. Without folders of splits, give a data set ``split=dict(file='names.txt')``.

    Args:
        data_root: The folder.
        index_file: Index of it; ``None`` makes one, once.

    Raises:
        DataError: No video, or one that is not so deep.
    """

    def __init__(self, data_root: PathLike, index_file: Optional[PathLike] = None) -> None:
        root = data_path(data_root)
        index = _index_of(root, index_file)
        parts = {name: name.split("/") for name in index.rows}
        odd = [name for name, part in parts.items() if len(part) not in (2, 3)]
        if odd or len({len(part) for part in parts.values()}) > 1:
            name = (odd or list(parts))[0]
            raise DataError(f"{root}: {name} is no <class>/<clip> or <split>/<class>/<clip>, or both are mixed")
        names = sorted({part[-2] for part in parts.values()})
        clips: dict[str, list[str]] = {}
        for name, part in parts.items():
            clips.setdefault(part[0] if len(part) == 3 else "", []).append(name)
        lists = {
            split: ClipList(own, np.array([names.index(parts[name][-2]) for name in own], dtype=np.int64), names)
            for split, own in clips.items()
        }
        self._open(root, lists, index)


@DATASETS.register_module()
class SceneSource(ClipFolderSource):
    """Clips ``(T, H, W, 3)`` in folders, whose sounding object is known, to judge maps of sound.

    It gives the attributes ``box (n, 4)`` and ``heard (n,)``.

    Args:
        data_root: See :class:`ClipFolderSource`.
        scenes_file: A json by name of clip (of its file, without suffix): ``box``, x1 y1 x2 y2 as shares of the
            picture, and ``heard``, whether the sound is its own (true if it is missing).
        index_file: See :class:`ClipFolderSource`.

    Raises:
        DataError: The json cannot be read, or lacks the box of a clip.
    """

    def __init__(self, data_root: PathLike, scenes_file: PathLike, index_file: Optional[PathLike] = None) -> None:
        super().__init__(data_root, index_file)
        path = data_path(scenes_file)
        try:
            scenes = json.loads(path.read_text())
            rows = [scenes[Path(name).stem] for name in self.names]
            box = np.array([row["box"] for row in rows], dtype=np.float64)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DataError(f"{path}: no json of the boxes of all clips ({type(error).__name__}: {error})") from error
        if box.shape != (len(rows), 4):
            raise DataError(f"{path}: boxes are {box.shape}, wanted x1 y1 x2 y2 of each clip")
        self.attributes = {"box": box, "heard": np.array([bool(row.get("heard", True)) for row in rows])}
