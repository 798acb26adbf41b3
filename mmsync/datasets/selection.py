"""Selection of the items of a source by a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional, Union

import numpy as np
from mmengine.logging import print_log

from mmsync.errors import DataError, ProtocolError, did_you_mean, nearest

Split = Union[str, Mapping]


def select(
    split: Optional[Split], names: Sequence[str], splits: Mapping[str, Sequence[str]],
    columns: Mapping[str, Optional[np.ndarray]],
) -> np.ndarray:  # fmt: skip
    """Find the items of a split: ``(k,)`` int64 places in ``names``, in the order of a list of names, else in theirs.

    A split is a protocol out of ``splits``; or conditions on ``columns``, values ``(n,)`` by name, that hold together
    (``dict(view=[1, 2])``), also ``names=[...]`` and ``file='names.txt'``; or ``None`` for all.

    Raises:
        DataError: The file of names cannot be read.
        ProtocolError: No such split or condition, or nothing is left.
    """
    if split is None:
        return np.arange(len(names))
    place = {name: i for i, name in enumerate(names)}
    if isinstance(split, str):
        if split not in splits:
            hint = did_you_mean(nearest(split, list(splits))) or ";"
            raise ProtocolError(f"no split {split!r}{hint} the source has: {', '.join(splits) or 'none'}")
        return _find(splits[split], place, split)
    keep = np.ones(len(names), dtype=bool)
    order = None
    for key, wanted in split.items():
        if key in ("names", "file"):
            listed = _read_names(wanted) if key == "file" else list(wanted)
            order = _find(listed, place, f"{key} {wanted}" if key == "file" else "names")
            keep &= np.isin(np.arange(len(keep)), order)
            continue
        values = columns.get(key)
        if values is None:
            known = [*(column for column, there in columns.items() if there is not None), "names", "file"]
            hint = did_you_mean(nearest(key, known)) or ";"
            raise ProtocolError(f"split {dict(split)}: no attribute {key!r}{hint} give {', '.join(known)}")
        keep &= np.isin(values, np.atleast_1d(np.asarray(wanted)))
    chosen = np.flatnonzero(keep) if order is None else order[keep[order]]
    if not len(chosen):
        raise ProtocolError(f"split {dict(split)} holds no clip of the source")
    return chosen


def _find(names: Sequence[str], place: Mapping[str, int], what: str) -> np.ndarray:
    found = np.array([place[name] for name in names if name in place], dtype=np.int64)
    missing = [name for name in names if name not in place]
    if not len(names):
        raise ProtocolError(f"split {what!r} is empty: the source has none of its clips")
    if not len(found):
        raise ProtocolError(f"split {what!r}: none of its {len(names)} names is in the source, the first is {names[0]}")
    if missing:
        text = f"split {what!r}: expected/found {len(names)}/{len(found)} clips; first missing: {missing[0]}"
        print_log(text, logger="current", level=30)
    return found


def _read_names(file: Union[str, Path]) -> list[str]:
    try:
        return [line.strip() for line in Path(file).read_text().splitlines() if line.strip()]  # names may hold blanks
    except OSError as error:
        raise DataError(f"split file {file} cannot be read: {error}") from error
