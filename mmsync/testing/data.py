"""The checks of sources and data sets."""

from __future__ import annotations

import pickle
from typing import Any, Optional

import numpy as np

from mmsync.datasets import KeyedDataset
from mmsync.datasets.sources import BaseSource, ClipSource, SequenceSource, SkeletonSource, TrackSource
from mmsync.datasets.sources.base import lists_problem
from mmsync.errors import ContractError, DataError
from mmsync.registry import DATASETS
from mmsync.structures import View
from mmsync.testing.parts import Component, maker, name_of, require, same


def check_source(component: Component, items: int = 20) -> None:
    """Check a source.

    Names are unique strings, and labels, attributes and splits fit them; labels fit the class names; the reader of its
    family gives arrays of the promised shape, the same ones each time; and workers can get a copy of it.

    Args:
        component: The source, its config, or a function that makes it.
        items: How many items are read, spread over all.

    Raises:
        ContractError: It does not.
    """
    source = component if isinstance(component, BaseSource) else maker(component, DATASETS)()
    name = name_of(source)
    require(isinstance(source, BaseSource), name, "is no mmsync.datasets.sources.BaseSource")
    _check_lists(source, name)
    try:
        copied = pickle.loads(pickle.dumps(source))
    except Exception as error:  # whatever it has that cannot be copied
        raise ContractError(f"{name}: cannot be pickled, so workers do not get it: {error}") from error
    for index in np.unique(np.linspace(0, len(source) - 1, min(items, len(source))).astype(int)).tolist():
        if source.problem(index) is None:
            first, again, other = (_read(one, name, index) for one in (source, source, copied))
            text = f"item {index} ({source.names[index]}) is read differently a second time, or by a copy"
            require(np.array_equal(first, again) and np.array_equal(first, other), name, text)


def _check_lists(source: Any, name: str) -> None:
    problem = lists_problem(source)
    require(problem is None, name, problem or "")
    names = list(source.names)
    require(names, name, "names is empty")
    require(len(set(names)) == len(names), name, "names are not unique")
    require(len(source) == len(names), name, f"its length is {len(source)}, but it has {len(names)} names")
    labels, classes = source.labels, source.class_names
    if labels is not None:
        try:
            source.check(name)
        except DataError as error:
            raise ContractError(f"{name}: {error}") from error
    require(classes is None or all(isinstance(one, str) for one in classes), name, "class_names are not strings")
    for split, members in source.splits.items():
        unknown = [one for one in members if one not in set(names)]
        require(not unknown, name, f"split {split!r} has {len(unknown)} names that it has not, the first {unknown[:1]}")
        require(len(set(members)) == len(members), name, f"split {split!r} has names twice")


def _read(source: Any, name: str, index: int) -> np.ndarray:
    what = f"item {index} ({source.names[index]})"
    if isinstance(source, SkeletonSource):
        clip = source.load(index)
        shape = tuple(clip.shape)
        right = clip.ndim == 4 and shape[2] == source.layout.num_joints and shape[3] >= source.num_coords
        wanted = f"(M, T, {source.layout.num_joints}, at least {source.num_coords}), of layout {source.layout.name!r}"
        require(right, name, f"{what} is {shape}; give {wanted}")
        require(clip.dtype == np.float32, name, f"{what} is {clip.dtype}; give float32")
        return clip
    if isinstance(source, SequenceSource):
        sequence, labels = source.load(index), source.frame_labels(index)
        require(sequence.ndim >= 2 and sequence.dtype == np.float32, name, f"{what}: give (T, ...) float32")
        frames = None if labels is None else len(labels)
        text = f"{what} has {len(sequence)} frames and {frames} labels of frames; give one for each"
        require(frames in (None, len(sequence)), name, text)
        return sequence
    if isinstance(source, TrackSource):
        return _read_track(source, name, index)
    require(isinstance(source, ClipSource), name, "is of no known family; see mmsync.datasets.sources.BaseSource")
    pictures = source.read(index, np.array([0.0]), 32)
    right = pictures.ndim == 4 and len(pictures) == 1 and pictures.shape[3] == 3 and pictures.dtype == np.uint8
    require(right, name, f"{what}: one time gives {pictures.dtype} {pictures.shape}; give (1, H, W, 3) uint8")
    return pictures


def _read_track(source: Any, name: str, index: int) -> np.ndarray:
    number = next((i for i, track in enumerate(source.tracks) if track.video == source.names[index]), None)
    if number is None:
        return np.zeros(0)
    track = source.tracks[number]
    length = min(len(track), 8)
    read = source.load(number, track.start, length)
    text = f"track {number} of {track.video}: {length} ticks give {read.shape}; give one entry for each tick"
    require(len(read) == length, name, text)
    try:
        source.load(number, track.stop, 1)
    except DataError:
        return read
    raise ContractError(f"{name}: track {number} gives ticks beyond its end; `span` raises the DataError for them")


def check_dataset(component: Component, indices: Optional[list[int]] = None) -> None:
    """Check a data set: batches of views by name, the same for the same seed, epoch and index, however batched.

    Args:
        component: The data set, its config, or a function that makes it.
        indices: The samples to read; default: the first four.

    Raises:
        ContractError: It does not keep the contract.
    """
    make = maker(component, DATASETS)
    dataset = component if isinstance(component, KeyedDataset) else make()
    name = name_of(dataset)
    require(isinstance(dataset, KeyedDataset), name, "is no mmsync.datasets.KeyedDataset")
    indices = list(range(min(4, len(dataset)))) if indices is None else indices
    batch = dataset.__getitems__(indices)
    for key in ("inputs", "data_samples"):
        require(key in batch, name, f"a batch has no {key!r}")
    count = len(batch["data_samples"])
    require(count == len(indices), name, f"a batch of {len(indices)} samples has {count} data_samples")
    for key, view in batch["inputs"].items():
        require(isinstance(view, View), name, f"input {key!r} is {type(view).__name__}; give a View")
        require(len(view.data) == len(indices), name, f"input {key!r} has {len(view.data)} rows for {len(indices)}")
    again = dataset.__getitems__(indices)
    text = "reads other samples a second time; draw from self.generator(index) alone"
    require(same(dict(again["inputs"]), dict(batch["inputs"])), name, text)
    text = "a sample alone is not what it is in a batch; draw from self.generator(index) alone"
    for key, view in dataset.__getitems__(indices[-1:])["inputs"].items():
        last = batch["inputs"][key].take(slice(-1, None))
        alike = view.data.shape != last.data.shape or same(view.data, last.data)  # padded to the longest of a batch
        require(alike, name, text)
