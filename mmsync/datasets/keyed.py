"""The base of all data sets: what does not depend on what a sample is."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, Optional, Union

import numpy as np
import torch
from mmengine.logging import MMLogger, print_log
from torch.utils.data import Dataset

from mmsync.datasets.collate import motion_collate
from mmsync.datasets.selection import SUBSET_KEYS, Split, select, select_subset
from mmsync.datasets.sources.base import BaseSource, check_labels, lists_problem
from mmsync.errors import ConfigError, ContractError, DataError, unwritten
from mmsync.fileio import write_text
from mmsync.registry import DATASETS
from mmsync.store.cache import cache_root
from mmsync.structures import MotionSample

_ATTEMPTS = 100  # items read in place of one before the data are given up
_SHOWN = 20  # bad items that a message names; all are in a file
_LOOK = 60.0  # seconds in which further bad items are looked for when a run stops


class _BadItemError(Exception):
    """An item could not be read; it is counted and another one is read instead."""


class Failures:
    """The items that failed, at most ``max_share`` of ``count``, in shared memory; ``what``, ``hint``: for messages."""

    def __init__(self, names: Sequence[str], max_share: float, what: str, hint: str, count: int) -> None:
        self._all, self.max_share, self.what, self.hint, self.count = names, max_share, what, hint, count
        self._failed = torch.zeros(len(names), dtype=torch.bool).share_memory_()
        self._reasons: dict[int, str] = {}  # those that this process met
        self.complete = True  # whether the list of them is

    def __contains__(self, index: int) -> bool:
        return bool(self._failed[index])

    def __len__(self) -> int:
        return int(self._failed.sum())

    @property
    def names(self) -> list[str]:
        return [self._all[i] for i in self._places()]

    @property
    def reasons(self) -> list[str]:
        """What is wrong with each of ``names``, as far as this process has met it."""
        return [self._reasons.get(i, f"{self._all[i]}: see the log") for i in self._places()]

    @property
    def allowed(self) -> int:
        return int(self.max_share * self.count)

    def add(self, index: int, error: Exception, replaced: bool = False, quiet: bool = False) -> None:
        """Count a failure of an item, and log it once; the error names the item."""
        if index not in self and not quiet:
            print_log(f"left out{' and replaced' * replaced}: {error}", logger="current", level=30)
        self._failed[index] = True
        self._reasons[index] = str(error)

    def check(self, error: Optional[Exception] = None) -> None:
        """Raise a ``DataError`` with the list if there are too many; ``error``: the last one."""
        names = self.names
        if len(names) <= self.allowed:
            return
        shown = ", ".join(names[:_SHOWN]) + f" and {len(names) - _SHOWN} more" * (len(names) > _SHOWN)
        found = "" if self.complete else " so far (not all were read in a minute)"
        text = (
            f"{len(names)} of {self.count} {self.what} are bad{found}, max_bad_share={self.max_share} allows "
            f"{self.allowed}. Last: {error or self._reasons[max(self._reasons)]}. Bad: {shown}"
        )
        try:
            file = _log_folder() / f"bad_{self.what}.txt"
            write_text(file, "".join(f"{name}\t{reason}\n" for name, reason in zip(names, self.reasons)))
            text += f" ({file} lists all with the reasons)"
        except OSError:  # the folder cannot be written to; the names are worth more than the list
            text += f" ({', '.join(names[_SHOWN:])})" * (len(names) > _SHOWN)
        raise DataError(f"{text}. {self.hint}".rstrip()) from error

    def _places(self) -> list[int]:
        return self._failed.clone().nonzero().flatten().tolist()  # a copy: other workers write to it meanwhile


def _log_folder() -> Path:
    """The folder of the run's log, or the cache folder without one."""
    handlers = MMLogger.get_current_instance().handlers
    files = [Path(handler.baseFilename) for handler in handlers if isinstance(handler, logging.FileHandler)]
    return files[0].parent if files else cache_root()


class KeyedDataset(Dataset):
    """Samples of a source whose randomness is keyed by ``(seed, epoch, index)``; the base of all kinds of data sets.

    The same sample comes out for any number of workers. An item that cannot be read is logged and replaced by another
    one of the same role, always the same; once more than ``max_bad_share`` of the items are bad, the run stops.

    A kind of data set writes :meth:`read`, and what it needs of :meth:`prepare`, :meth:`narrow` and :meth:`windows`.

    Args:
        source: A source, or its config.
        split: Which items. A split of the source (``'xview_train'``); conditions on attributes or on ``label``
            (``dict(view=[1, 2], subject=3)``); ``dict(names=[...])``; ``dict(file='names.txt')``, one name a line.
            Conditions of a dict hold together. ``None`` takes all.
        roles: Instead of ``split``: one split for each role, ``dict(bank='xview_train', query='xview_test')``.
        num_classes: Labels must be below it; ``None`` takes the source's class names, or the largest label.
        indices: Take the first so many items of the split, or these.
        subset: Keep the items that semi-supervised evaluation labels, ``dict(share=0.1, rule='stratified', seed=0)``;
            see :func:`mmsync.datasets.selection.select_subset`.
        seed: Seed of all draws.
        max_bad_share: Share of the items in [0, 1] that may be bad.
        test_mode: Draw the same in every epoch.

    Raises:
        ConfigError: The arguments contradict each other.
        DataError: The source cannot be read, too many items are bad, none is left, or labels are out of range.
        ProtocolError: No such split, or one without items.
    """

    input_arguments: ClassVar[tuple[str, ...]] = ()  # that shape a sample; checkpoints are compared by them
    config_schema: ClassVar[dict[str, Any]] = {"roles": ("train", "bank", "query"), "subset": SUBSET_KEYS}
    collate = staticmethod(motion_collate)  # of a data loader whose config has no collate_fn
    item: ClassVar[str] = "clip"  # what an item is called in messages
    advice: ClassVar[str] = ""  # ends the message about too many bad items

    def __init__(
        self, source: Union[Mapping, BaseSource], split: Optional[Split] = None,
        roles: Optional[Mapping[str, Split]] = None, num_classes: Optional[int] = None,
        indices: Optional[Union[int, Sequence[int]]] = None, subset: Optional[Mapping] = None, seed: int = 0,
        max_bad_share: float = 0.01, test_mode: bool = False,
    ) -> None:  # fmt: skip
        self._kind = type(self).__name__
        if (split is not None and roles is not None) or not (roles or roles is None):
            raise ConfigError(f"{self._kind}: give split or roles, not both; roles has a split for each role")
        if not 0 <= max_bad_share <= 1:
            raise ConfigError(f"{self._kind}: max_bad_share={max_bad_share}: give a share in [0, 1]")
        if not isinstance(seed, int) or seed < 0:
            raise ConfigError(f"{self._kind}: seed={seed!r}: give a whole number of 0 or more")
        if num_classes is not None and (not isinstance(num_classes, int) or num_classes < 1):
            raise ConfigError(f"{self._kind}: num_classes={num_classes!r}: give 1 or more, or None")
        self.source: Any = DATASETS.build(source) if isinstance(source, Mapping) else source
        if (problem := lists_problem(self.source)) is not None:
            raise ContractError(f"{type(self.source).__name__} {problem}")
        self.seed, self.test_mode, self._looking = seed, test_mode, False
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()  # shared with persistent workers
        self.splits = {"train": split} if roles is None else dict(roles)
        places, roles_of = self._choose(indices)
        self.num_classes = self._check_labels(places, num_classes)
        if subset is not None:
            keep = select_subset(self._labels_at(places), subset)
            places, roles_of = places[keep], roles_of[keep]
        used = len(np.unique(places))
        self.failures = Failures(self.source.names, max_bad_share, f"{self.item}s", self.advice, used)
        count = self._usable(places)
        self._places, self._roles = places.repeat(count), roles_of.repeat(count).tolist()
        self.part = np.concatenate([np.arange(n) for n in count])  # numbers the samples of one item
        folds = list({fold: None for part in self.splits.values() if (fold := self.source.fold_of(part))})
        self.fold = folds[0] if len(folds) == 1 else f"{folds[0].split('/')[0]}/all" if folds else None
        self.prepare()
        counts = ", ".join(f"{role} {len(np.unique(self.items(role)))}" for role in self.splits)
        facts = {key: value for key, value in self.metainfo.items() if key in ("layout", "fold") and value}
        text = "".join(f", {key} {value}" for key, value in facts.items())
        print_log(f"{self._kind}: {counts} {self.item}s, {self.num_classes} classes{text}", logger="current")

    def read(self, index: int) -> dict[str, Any]:
        """Read a sample, ``dict(inputs, data_samples)``; items with a ``DataError`` or ``OSError`` are replaced."""
        raise unwritten(self, "read(index)")

    def prepare(self) -> None:
        """Set up what depends on the source and the chosen items; called once by the constructor."""

    def narrow(self, places: np.ndarray, roles: np.ndarray) -> np.ndarray:
        """Which of the items of the splits, ``places (k,)`` of ``roles (k,)`` in order, are taken: ``(k,)`` bool."""
        return np.ones(len(places), dtype=bool)

    def windows(self, places: np.ndarray) -> np.ndarray:
        """The number of samples of each item of ``places (k,)``, ``(k,)`` int64; 0 leaves it out."""
        return np.ones(len(places), dtype=np.int64)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def places(self) -> np.ndarray:
        """``(n,)`` int64, the place in the source of each sample's item."""
        return self._places

    @property
    def roles(self) -> list[str]:
        """The role of each sample."""
        return self._roles

    @property
    def names(self) -> list[str]:
        """Names of the items in the order of the samples."""
        return [self.source.names[i] for i in self.places]

    @property
    def labels(self) -> np.ndarray:
        """``(n,)`` int64, -1 for unknown."""
        return self._labels_at(self.places)

    @property
    def metainfo(self) -> dict[str, Any]:
        """Facts for tools and checkpoints: ``num_classes``, ``classes``, ``fold``, of skeletons ``layout``, ..."""
        return {**self.source.metainfo, "num_classes": self.num_classes, "fold": self.fold}

    @property
    def epoch(self) -> int:
        """The epoch that keys the draws."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, in running workers too."""
        self._epoch.fill_(epoch)

    def items(self, role: str) -> np.ndarray:
        """Places in the source of a role's items, one for each of their samples."""
        return self._places[np.array(self._roles, dtype=object) == role]

    def bad_items(self) -> list[str]:
        """Names of the bad items met so far, by any worker."""
        return self.failures.names

    def column(self, key: str) -> np.ndarray:
        """Values ``(n,)`` to group samples by: ``'name'``, ``'label'``, ``'role'`` or a source's attribute."""
        columns = {"name": self.names, "label": self.labels, "role": self.roles}
        if key in columns:
            return np.asarray(columns[key])
        if key not in self.source.attributes:
            known = ", ".join([*columns, *self.source.attributes])
            raise ConfigError(f"{self._kind}: its samples have no column {key!r}; they have {known}")
        return self.source.attributes[key][self.places]

    def generator(self, index: int, view: int = 0) -> np.random.Generator:
        """The random generator of a sample in the present epoch; ``view`` numbers independent draws of one sample."""
        return np.random.default_rng((self.seed, self._key_epoch, index, view))

    def describe(
        self, indices: Sequence[int], places: Optional[np.ndarray] = None, **more: Sequence
    ) -> list[MotionSample]:
        """Labels, attributes, ``name``, ``index``, ``role`` and ``more`` of samples, or of items at ``places``."""
        places = self.places[list(indices)] if places is None else places
        columns = {key: values[places].tolist() for key, values in self.source.attributes.items()}
        columns["name"] = [self.source.names[place] for place in places.tolist()]
        columns["role"] = [self.roles[index] for index in indices]
        columns.update(index=list(indices), **more)
        rows = zip(self._labels_at(places).tolist(), zip(*columns.values()))
        return [MotionSample.quick(label, dict(zip(columns, row))) for label, row in rows]

    def __getitem__(self, index: int) -> dict[str, Any]:
        """One sample: ``inputs``, views without the batch dimension by name, and ``data_samples``."""
        batch = self.__getitems__([range(len(self))[index]])
        inputs = {name: view.take(0) for name, view in batch["inputs"].items()}
        return {"inputs": inputs, "data_samples": batch["data_samples"][0]}

    def __getitems__(self, indices: Sequence[int]) -> dict[str, Any]:
        """A finished batch of ``N`` samples: ``inputs``, views ``(N, ...)`` by name, and ``data_samples``."""
        return self.collate([self.sample(index) for index in indices])

    def sample(self, index: int) -> dict[str, Any]:
        """A sample, or what replaces it if it cannot be read; a ``DataError`` if too many items are bad."""
        for attempt in range(_ATTEMPTS):
            with suppress(_BadItemError):
                return self.try_sample(index, attempt)
        bad = ", ".join(self.bad_items()[:_SHOWN])
        raise DataError(f"{_ATTEMPTS} {self.item}s in a row could not be read for sample {index}; bad ones: {bad}")

    def try_sample(self, index: int, attempt: int) -> dict[str, Any]:
        """Read a sample, or in further attempts a replacement that depends on seed and index alone."""
        other = self.replacement(index, attempt - 1) if attempt else index
        with self.counted(int(self.places[other])):
            found = self.read(other)
        if attempt:
            found["data_samples"].set_metainfo({"index": index})
        return found

    def replacement(self, index: int, attempt: int) -> int:
        """Another sample of the same role, the same one in every epoch and worker."""
        same = np.flatnonzero(np.array(self.roles, dtype=object) == self.roles[index])
        return int(same[np.random.default_rng((self.seed, index, attempt)).integers(len(same))])

    @contextmanager
    def counted(self, place: int) -> Iterator[None]:
        """Count a failure to read the item at a place of the source, and let it be replaced."""
        try:
            yield
        except (DataError, OSError) as error:
            self.failures.add(place, error, replaced=True, quiet=self._looking)
            if len(self.failures) > self.failures.allowed and not self._looking:
                self._look_through()
                self.failures.check(error)
            raise _BadItemError from error

    def read_all(self) -> Iterator[None]:
        """Read each item that is not known to be bad once, a step for each; ``failures`` has what is wrong."""
        places = self.places
        for index in np.unique(places, return_index=True)[1].tolist():
            if int(places[index]) not in self.failures:
                with self._quietly():
                    self.try_sample(index, 0)
            yield

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Count failures without a line in the log, and without stopping the run."""
        self._looking = True
        try:
            with suppress(_BadItemError):
                yield
        finally:
            self._looking = False

    def _look_through(self) -> None:
        """Read the other items too, for a minute at most, so that the run stops with a list of all that are bad."""
        print_log(f"too many bad {self.item}s; looking for others, at most a minute", logger="current", level=30)
        until = time.monotonic() + _LOOK
        for _ in self.read_all():
            if time.monotonic() > until:
                self.failures.complete = False
                return

    @property
    def _key_epoch(self) -> int:
        return 0 if self.test_mode else self.epoch

    def _labels_at(self, places: np.ndarray) -> np.ndarray:
        labels = self.source.labels
        return np.full(len(places), -1) if labels is None else labels[places]

    def _choose(self, indices: Optional[Union[int, Sequence[int]]]) -> tuple[np.ndarray, np.ndarray]:
        source, columns = self.source, {**self.source.attributes, "label": self.source.labels}
        chosen = {role: select(part, source.names, source.splits, columns) for role, part in self.splits.items()}
        places = np.concatenate(list(chosen.values()))
        roles = np.repeat(np.array(list(chosen), dtype=object), [len(part) for part in chosen.values()])
        kept = self.narrow(places, roles)
        places, roles = places[kept], roles[kept]
        if indices is None:
            return places, roles
        count = len(places)
        keep = np.arange(min(indices, count)) if isinstance(indices, int) else np.asarray(indices)
        if keep.ndim != 1 or not keep.size or keep.dtype.kind not in "iu":
            raise ConfigError(f"{self._kind}: indices={indices!r}: give a number of {self.item}s, or a list of places")
        if keep.size and not -count <= keep.min() <= keep.max() < count:
            raise ConfigError(f"{self._kind}: indices up to {keep.max()}, but the split has {count} {self.item}s")
        return places[keep], roles[keep]

    def _check_labels(self, places: np.ndarray, num_classes: Optional[int]) -> int:
        if num_classes is None and self.source.class_names:
            num_classes = len(self.source.class_names)
        if self.source.labels is None:
            return num_classes or 0
        labels = self._labels_at(places)
        check_labels(labels, [self.source.names[i] for i in places], self._kind, num_classes)
        return num_classes if num_classes is not None else int(labels.max(initial=-1)) + 1

    def _usable(self, places: np.ndarray) -> np.ndarray:
        """The number of samples of each chosen item; none if it is known to be bad."""
        good = np.ones(len(places), dtype=bool)
        for i, place in enumerate(places.tolist()):
            if (problem := self.source.problem(place)) is not None:
                self.failures.add(place, DataError(problem))
                good[i] = False
        self.failures.check()
        count = np.zeros(len(places), dtype=np.int64)
        count[good] = self.windows(places[good])
        if not count.any():
            roles = ", ".join(self.splits)
            raise DataError(f"{self._kind}: none of the {len(places)} {self.item}s of {roles} can be used")
        return count
