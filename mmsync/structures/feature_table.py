"""Features and everything known about their samples, as named columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import torch
from torch import Tensor

from mmsync.errors import DataError
from mmsync.fileio import atomic_path

Column = Union[Tensor, list]


class FeatureTable(Mapping[str, Column]):
    """Named columns of N rows, one row for each sample.

    A column is a tensor ``(N, ...)``, or a list of N values: texts, or tensors of different lengths (the frames of
    sequences). ``predict`` makes one table for each batch; evaluation joins them.

    ========  ========================================================================
    feature   ``(N, D)``, or N tensors ``(T, D)`` of sequences; further features by name
    label     ``(N,)`` int64, -1 where there is none
    index     ``(N,)`` int64, place in the data set
    role      ``'bank'``, ``'query'`` or ``'train'``
    name      name of the sample
    ========  ========================================================================

    Args:
        columns: Columns by name, of equal length.

    Raises:
        DataError: Columns of different lengths.
    """

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self.columns = dict(columns)
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise DataError(f"FeatureTable: the columns have different lengths: {lengths}")

    @classmethod
    def of_samples(cls, samples: Sequence[Any]) -> FeatureTable:
        """Collect what all samples of a batch carry; ``gt_label`` becomes ``label``.

        Args:
            samples: ``MotionSample`` objects.
        """
        if not samples:
            return cls({})
        columns: dict[str, Column] = {"label": torch.tensor([int(s.get("gt_label", -1)) for s in samples])}
        for name in samples[0].metainfo_keys():
            if all(name in sample for sample in samples):
                columns[name] = _column([sample.get(name) for sample in samples])
        return cls(columns)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def texts(self, name: str, default: str) -> list[str]:
        """A column of texts; N times ``default`` where the table has none."""
        return [str(value) for value in self.columns.get(name, [default] * len(self))]

    def numbers(self, name: str, default: int = -1) -> Tensor:
        """A column of whole numbers ``(N,)``; N times ``default`` where the table has none."""
        column = self.columns.get(name)
        return column if isinstance(column, Tensor) else torch.full((len(self),), default)

    def with_columns(self, **columns: Column) -> FeatureTable:
        """The table with further or replaced columns."""
        return FeatureTable({**self.columns, **columns})

    def detach(self) -> FeatureTable:
        """The table with its tensors on the CPU, without graph, half precision made single."""
        return FeatureTable({name: _detached(column) for name, column in self.columns.items()})

    def take(self, rows: Union[np.ndarray, Tensor, Sequence[int]]) -> FeatureTable:
        """Select rows by an index."""
        index = torch.as_tensor(np.asarray(rows), dtype=torch.int64)
        places = index.tolist()
        return FeatureTable(
            {
                name: column[index.to(column.device)] if isinstance(column, Tensor) else [column[i] for i in places]
                for name, column in self.columns.items()
            }
        )

    @classmethod
    def cat(cls, parts: Sequence[FeatureTable]) -> FeatureTable:
        """Join tables in data set order; a sample that several processes have seen is kept once.

        Args:
            parts: Tables; columns that not all of them have are dropped.
        """
        parts = [part for part in parts if len(part)]
        if not parts:
            return cls({})
        names = [name for name in parts[0] if all(name in part for part in parts)]
        joined = cls({name: _join([part[name] for part in parts]) for name in names})
        index = joined.numbers("index")
        if (index < 0).any():
            return joined
        _, first = np.unique(index.numpy(), return_index=True)
        if np.array_equal(first, np.arange(len(joined))):  # as it is without copies, which may be large
            return joined
        return joined.take(first)

    def rows(self) -> list[dict[str, Any]]:
        """One dict for each sample, for metrics of other projects."""
        return [{name: column[i] for name, column in self.columns.items()} for i in range(len(self))]

    def save(self, path: Union[str, Path]) -> None:
        """Write an ``npz`` with the columns; a ragged one as its values end to end, and ``<name>.lengths``."""
        arrays: dict[str, np.ndarray] = {}
        for name, column in self.columns.items():
            if isinstance(column, Tensor):
                arrays[name] = column.numpy()
            elif column and isinstance(column[0], Tensor):
                arrays[name] = torch.cat(column).numpy()
                arrays[f"{name}.lengths"] = np.array([len(value) for value in column])
            else:
                arrays[name] = np.array([str(value) for value in column])
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)

    @classmethod
    def load(cls, path: Union[str, Path]) -> FeatureTable:
        """Read what :meth:`save` has written."""
        with np.load(path, allow_pickle=False) as file:
            columns: dict[str, Column] = {}
            for name in file.files:
                if name.endswith(".lengths"):
                    continue
                array = file[name]
                if f"{name}.lengths" in file.files:
                    columns[name] = list(torch.from_numpy(array).split(file[f"{name}.lengths"].tolist()))
                else:
                    columns[name] = array.tolist() if array.dtype.kind == "U" else torch.from_numpy(array)
        return cls(columns)


def _column(values: list[Any]) -> Column:
    """Numbers become a tensor, everything else stays a list."""
    if all(isinstance(value, (bool, int, float, np.number)) for value in values):
        return torch.tensor([value.item() if isinstance(value, np.number) else value for value in values])
    return values


def _detached(column: Column) -> Column:
    if isinstance(column, Tensor):
        column = column.detach().cpu()
        return column.float() if column.dtype in (torch.bfloat16, torch.float16) else column
    return [_detached(value) if isinstance(value, Tensor) else value for value in column]


def _join(columns: list[Column]) -> Optional[Any]:
    if all(isinstance(column, Tensor) for column in columns):
        return torch.cat(columns)
    return [value for column in columns for value in column]
