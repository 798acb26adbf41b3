"""Kinds of samples, the mix of them, and the base of data sets that draw by kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Optional, Union

import numpy as np
import torch
from mmengine.logging import print_log

from mmsync.datasets.keyed import KeyedDataset
from mmsync.datasets.sources.base import BaseSource
from mmsync.errors import ConfigError, DataError, did_you_mean, nearest, unwritten


class Kind(NamedTuple):
    """A kind of samples."""

    name: str  # As in a mix
    positive: bool = False  # Whether its samples are positive, such as sound and picture of one moment; else negative


def shares_of(mix: Mapping[str, float], kinds: Sequence[Kind]) -> np.ndarray:
    """Normalize the weights of a mix to shares ``(k,)`` of the ``k`` kinds; kinds that are missing have none."""
    names = [kind.name for kind in kinds]
    for name in mix:
        if name not in names:
            raise ConfigError(f"mix: no kind {name!r}{did_you_mean(nearest(name, names))}; use {', '.join(names)}")
    weights = np.array([mix.get(name, 0.0) for name in names], dtype=float)
    if not (weights >= 0).all() or not weights.sum() > 0:
        raise ConfigError(f"mix={dict(mix)}: give weights of 0 or more, and one above 0")
    return weights / weights.sum()


def apportion(
    shares: np.ndarray, kinds: Sequence[Kind], size: int, available: Mapping[str, int], redistribute: bool = False,
    what: str = "mix", unit: str = "samples", advice: str = "",
) -> dict[str, int]:  # fmt: skip
    """Split ``size`` by ``shares (k,)`` into numbers by kind; ``redistribute`` fills up lacking negatives by others."""
    names = [kind.name for kind in kinds]
    negative = np.array([not kind.positive for kind in kinds])
    lacking = (shares > 0) & (np.array([available[name] for name in names]) == 0)
    if lacking.any():
        left = np.where(lacking, 0.0, shares)
        if (lacking & ~negative).any() or not redistribute or not left[negative].any():
            raise DataError(
                f"{what}: the mix asks for {', '.join(np.array(names)[lacking])} {unit}, but there is none; available: "
                f"{', '.join(f'{name} {n}' for name, n in available.items())}. "
                f"{advice}redistribute=True gives the share to the other negatives"
            )
        left[negative] = left[negative] * shares[negative].sum() / left[negative].sum()
        shares = left
    exact = shares * size
    counts = np.floor(exact + 1e-9).astype(int)
    counts[np.argsort(counts - exact, kind="stable")[: size - counts.sum()]] += 1
    return {name: int(n) for name, n in zip(names, counts) if n}


class KindDataset(KeyedDataset):
    """Samples of several kinds, newly drawn in each epoch; the base of data sets that declare ``kinds``.

    The samples of an epoch are drawn at once from ``(seed, epoch)``: each kind has its exact share of them, and none
    comes twice before all of its kind have come. If an item cannot be read, another sample of the same kind is drawn.

    A kind of data set declares ``kinds`` and writes :meth:`available`, :meth:`draw` and :meth:`read_row`.

    Args:
        source: A source, or its config.
        mix: Weights of the kinds, ``dict(positive=1, easy=1)``; shares are relative to their sum.
        size: Samples of an epoch, in each role; ``None``: as many as show each positive once.
        redistribute: Give the share of a kind of negatives that the data lack to the other kinds; else it is an error.
        keyed: See :class:`KeyedDataset`.

    Raises:
        DataError: The data lack a kind that the mix asks for.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ()
    unit: ClassVar[str] = "samples"  # what samples are called in messages
    size_argument: ClassVar[str] = "size"  # name of `size` in a subclass
    more: ClassVar[str] = ""  # advice on how to get more samples of a kind, a sentence

    def __init__(
        self, source: Union[Mapping, BaseSource], mix: Mapping[str, float], size: Optional[int] = None,
        redistribute: bool = False, **keyed: Any,
    ) -> None:  # fmt: skip
        if size is not None and size < 1:
            raise ConfigError(f"{type(self).__name__}: size={size}: give 1 or more, or None")
        self.redistribute = redistribute
        super().__init__(source, **keyed)
        self._mix = torch.zeros(len(self.kinds), dtype=torch.float64).share_memory_()  # shared with persistent workers
        shares = shares_of(mix, self.kinds)
        self.sizes = {role: size or self._size(role, shares) for role in self.splits}
        self._sample_roles = [role for role, size in self.sizes.items() for _ in range(size)]
        self._drawn: tuple[object, np.ndarray, np.ndarray] = (None, np.zeros((0, 0)), np.zeros(0))
        self.set_mix(mix)

    def available(self, role: str) -> Mapping[str, int]:
        """Number of distinct samples of each kind that a role has."""
        raise unwritten(self, "available(role)")

    def draw(self, role: str, kind: str, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draw samples of a kind as rows ``(count, R)`` int64; their first number is the item, see ``places``."""
        raise unwritten(self, "draw(role, kind, count, rng)")

    def read_row(self, row: np.ndarray, kind: str, index: int) -> dict[str, Any]:
        """Read the sample ``index``, a row ``(R,)`` of :meth:`draw`; each item inside ``with self.counted(place)``."""
        raise unwritten(self, "read_row(row, kind, index)")

    def __len__(self) -> int:
        return sum(self.sizes.values())

    @property
    def places(self) -> np.ndarray:
        """``(n,)`` int64, the place in the source of the first item of each sample of the present epoch."""
        return self.drawn()[0][:, 0]

    @property
    def roles(self) -> list[str]:
        return self._sample_roles

    def column(self, key: str) -> np.ndarray:
        """Refused: samples are drawn anew in each epoch, so that there are no fixed groups."""
        raise ConfigError(f"{self._kind} draws its samples anew in each epoch; set shares by its mix, not by groups")

    def set_mix(self, mix: Mapping[str, float]) -> None:
        """Change the shares of the kinds, in running workers too; raises as the constructor does."""
        shares = shares_of(mix, self.kinds)
        for role, found in {role: self._counts(shares, role) for role in self.sizes}.items():
            text = self._mix_text(found, self.available(role), shares)
            print_log(f"{self._kind}, {role}: {self.sizes[role]} {self.unit}: {text}", logger="current")
        self._mix.copy_(torch.from_numpy(shares))

    def counts(self, mix: Mapping[str, float], role: str) -> dict[str, int]:
        """Compute the number of samples of each kind in an epoch of a role; errors as in :meth:`set_mix`."""
        return self._counts(shares_of(mix, self.kinds), role)

    def drawn(self) -> tuple[np.ndarray, np.ndarray]:
        """The samples of the present epoch: rows ``(n, R)`` and names of their kinds ``(n,)``."""
        key = (self._key_epoch, tuple(self._mix.tolist()))
        if self._drawn[0] != key:
            rows, kinds = [], []
            for number, (role, size) in enumerate(self.sizes.items()):
                rng = np.random.default_rng((self.seed, key[0], number))
                counts = self._counts(self._mix.numpy(), role)
                order = rng.permutation(size)
                rows.append(np.concatenate([self.draw(role, kind, n, rng) for kind, n in counts.items()])[order])
                kinds.append(np.repeat(list(counts), list(counts.values()))[order])
            self._drawn = (key, np.concatenate(rows), np.concatenate(kinds))
        return self._drawn[1], self._drawn[2]

    def try_sample(self, index: int, attempt: int) -> dict[str, Any]:
        """Read a sample, or in further attempts another one of its kind, keyed by (seed, epoch, index, attempt)."""
        rows, kinds = self.drawn()
        row, kind = rows[index], str(kinds[index])
        if attempt:
            number = list(self.sizes).index(self.roles[index])
            rng = np.random.default_rng((self.seed, self._key_epoch, number, index, attempt - 1))
            row = self.draw(self.roles[index], kind, 1, rng)[0]
        return self.read_row(row, kind, index)

    def is_positive(self, kind: str) -> bool:
        """Whether the samples of a kind are positive."""
        return next(one.positive for one in self.kinds if one.name == kind)

    def _counts(self, shares: np.ndarray, role: str) -> dict[str, int]:
        size, available, what = self.sizes[role], self.available(role), f"{self._kind}, {role}"
        return apportion(shares, self.kinds, size, available, self.redistribute, what, self.unit, self.more)

    def _size(self, role: str, shares: np.ndarray) -> int:
        share = sum(float(share) for kind, share in zip(self.kinds, shares) if kind.positive)
        if not share:
            name = self.size_argument
            raise ConfigError(f"{self._kind}: {name}=None means all positives, and the mix has none; give {name}")
        available = sum(self.available(role)[kind.name] for kind in self.kinds if kind.positive)
        return round((available or 1) / share)  # without any, the mix is refused with the numbers there are

    def _mix_text(self, counts: Mapping[str, int], available: Mapping[str, int], shares: np.ndarray) -> str:
        """The achieved mix in words: number drawn, number available, repetitions, and kinds that the data lack."""
        parts = []
        for kind, share in zip(self.kinds, shares):
            n, have = counts.get(kind.name, 0), available[kind.name]
            again = f", each {n / have:.1f} times" if n > have else ""
            missing = ", its share goes to the other negatives" if share and not have else ""
            if n or share:
                percent = 100 * n / sum(counts.values())
                parts.append(f"{kind.name} {n} ({percent:.0f} %) of {have} {self.unit}{again}{missing}")
        return "; ".join(parts)
