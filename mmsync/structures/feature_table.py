"""Features and everything known about their samples, as named columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Union, cast

import numpy as np
import torch
from torch import Tensor

from mmsync.errors import DataError
from mmsync.fileio import atomic_path

Column = Union[Tensor, list]
_RENAMED = {"gt_label": "label", "pred_score": "score"}


class FeatureTable(Mapping[str, Column]):
    """Named columns of N rows, one row for each sample.

    A column is a tensor ``(N, ...)``, or a list of N values: texts, or tensors of different lengths (the frames of
    sequences). Columns of unequal N are a DataError. ``predict`` makes one table for each batch; evaluation joins them.

    ===========  ========================================================================
    feature      ``(N, D)``, or N tensors ``(T, D)`` of sequences; further features by name
    joints       ``(N, V' * D)``, the features of each joint, where they were asked for
    score        ``(N, num_classes)``, logits of a classifier
    label        ``(N,)`` int64, -1 where there is none
    index        ``(N,)`` int64, place in the data set
    role         ``'bank'``, ``'query'`` or ``'train'``
    name         name of the sample
    distance     ``(N,)``, of pairs, beside ``positive`` and ``kind``
    phase        ``(N, T)`` int64, or N tensors ``(T,)``: of each frame, -1 for unknown; see :meth:`ragged`
    windows      name of a pair's tracks and first frames
    video_label  ``(N,)`` int64, class of the video that a clip or pair is cut from
    ===========  ========================================================================
    """

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self.columns = dict(columns)
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise DataError(f"FeatureTable: the columns have different lengths: {lengths}")

    @classmethod
    def of_samples(cls, samples: Sequence[Any]) -> FeatureTable:
        """Collect labels and meta fields of a batch of ``MotionSample`` objects."""
        return cls.of_rows([{"gt_label": s.get("gt_label", -1), **dict(s.metainfo_items())} for s in samples])

    @classmethod
    def of_rows(cls, rows: Sequence[Mapping[str, Any]]) -> FeatureTable:
        """Collect what all samples have, given one dict for each; ``gt_label`` and ``pred_score`` are renamed."""
        names = [name for name in rows[0] if all(name in row for row in rows)] if rows else []
        return cls({_RENAMED.get(name, name): _column([row[name] for row in rows]) for name in names})

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

    def vectors(self, name: str) -> Tensor:
        """A column as ``(N, D)``, float16 or float32; means ``(D,)`` of a ragged one; a DataError for other shapes."""
        column = self.columns.get(name)
        if isinstance(column, list) and column and all(isinstance(x, Tensor) and x.dim() == 2 for x in column):
            if empty := [i for i, x in enumerate(column) if not len(x)]:
                some = ", ".join(self.texts("name", "?")[i] for i in empty[:5])
                raise DataError(f"FeatureTable: {name!r} of {len(empty)} sequences ({some}) has no valid frame")
            column = torch.stack([x.float().mean(0) for x in column])
        if isinstance(column, Tensor) and column.dim() == 2:
            return column if column.dtype == torch.float16 else column.float()
        what = "there is no such column" if column is None else f"it holds {_shape(column)}"
        raise DataError(f"FeatureTable: column {name!r} has to hold features (N, D), or N of (T, D); {what}")

    def ragged(self, name: str) -> list[Tensor]:
        """A column as N tensors, ``(T, ...)`` of each row, also where all have one length and it is held stacked."""
        column = self.columns.get(name)
        rows = list(column) if column is not None else []
        if column is None or not all(isinstance(row, Tensor) and row.dim() for row in rows):
            what = "there is no such column" if column is None else f"it holds {_shape(column)}"
            raise DataError(f"FeatureTable: column {name!r} has to hold tensors (T, ...), one for each row; {what}")
        return rows

    def select(self, names: Iterable[str]) -> FeatureTable:
        """The table with those of the named columns that it has."""
        return FeatureTable({name: self.columns[name] for name in names if name in self.columns})

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
        """Join tables in data set order, with the columns that all have; duplicate samples are kept once."""
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
        arrays: dict[str, Any] = {}
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
    """Numbers, and tensors of one shape, become a tensor; everything else stays a list."""
    if all(isinstance(value, (bool, int, float, np.number)) for value in values):
        return torch.tensor([value.item() if isinstance(value, np.number) else value for value in values])
    if all(isinstance(value, Tensor) for value in values) and len({value.shape for value in values}) == 1:
        return torch.stack(values)
    return values


def _shape(column: Column) -> str:
    if isinstance(column, Tensor):
        return f"a tensor {tuple(column.shape)}"
    first = column[0] if column else None
    return f"a list of {f'tensors {tuple(first.shape)}' if isinstance(first, Tensor) else type(first).__name__}"


def _detached(column: Column) -> Column:
    if isinstance(column, Tensor):
        column = column.detach().cpu()
        return column.float() if column.dtype in (torch.bfloat16, torch.float16) else column
    return [_detached(value) if isinstance(value, Tensor) else value for value in column]


def _join(columns: list[Column]) -> Column:
    shapes = {column.shape[1:] if isinstance(column, Tensor) else None for column in columns}
    same = len(shapes) == 1 and None not in shapes  # tensors of sequences have the length of their batch
    return torch.cat(cast("list[Tensor]", columns)) if same else [value for column in columns for value in column]
