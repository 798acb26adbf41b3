"""Tables of results, and the files that hold them."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
from mmengine.config import Config
from mmengine.logging import print_log

from mmsync.config.defaults import LOADERS
from mmsync.fileio import write_text

_HEADER = ("Protocol", "Description", "Data: train / test", "Top-1 %", "Epoch", "Seeds", "Checkpoint")


def data_name(cfg: Config) -> str:
    """Name of the data that a protocol tests on: its source's, or of converted data that of the folder."""
    source = next(loader.dataset for key in LOADERS[::-1] if (loader := cfg.get(key)) is not None)
    while "source" in source or "dataset" in source:  # of a data set, of a source that makes tracks of another's clips
        source = source.get("source", source.get("dataset"))
    name = str(source.get("type")).replace("Source", "")
    return Path(source.root).name if name == "Store" else name


def describe_data(cfg: Config) -> str:
    """Source and splits, training before test."""
    datasets = [loader.dataset for key in LOADERS if (loader := cfg.get(key)) is not None]
    roles = datasets[-1].get("roles") or {}
    train = datasets[0].get("split") if len(datasets) > 1 else roles.get("bank")
    test = roles.get("query", datasets[-1].get("split"))
    subset = datasets[0].get("subset")
    share = f" ({subset.share:.0%} {subset.get('rule', 'stratified')})" if subset and "share" in subset else ""
    texts = [one if isinstance(one, str) else "all" if one is None else str(dict(one)) for one in (train, test)]
    return f"{data_name(cfg)} {texts[0]}{share} / {texts[1]}"


def spread(values: Sequence[float]) -> dict[str, Optional[float]]:
    """``mean`` and ``std``, the sample's standard deviation; ``None`` of a single value."""
    return dict(mean=float(np.mean(values)), std=float(np.std(values, ddof=1)) if len(values) > 1 else None)


def value_text(row: Mapping[str, Any]) -> str:
    """``mean ± std (best b)``, as far as ``row`` has them."""
    std = "" if row["std"] is None else f" ± {row['std']:.2f}"
    best = "" if row.get("best") is None else f" (best {row['best']:.2f})"
    return f"{row['mean']:.2f}{std}{best}"


def result_cells(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Cells of the table of results, header first; mean ± standard deviation over the seeds."""
    cells: list[tuple[str, ...]] = [_HEADER]
    for row in rows:
        path = Path(row["checkpoint"])
        checkpoint = f"{path.parent.name}/{path.name}" + (f", epoch {row['epoch']}" if row["epoch"] else "")
        seeds = ", ".join(map(str, row["seeds"])) or "-"
        rule = {"last": "last", "none": "-"}[row["epoch_rule"]]
        # changes of the shipped protocol are part of what it is
        what = "; ".join([row["title"], *(f"{key}={value}" for key, value in row.get("changes", {}).items())])
        cells.append((row["protocol"], what, row["data"], value_text(row), rule, seeds, checkpoint))
    return cells


def markdown_cells(cells: Sequence[tuple[str, ...]]) -> str:
    """A markdown table of cells, header first."""
    head, *body = cells
    lines = [head, ("---",) * len(head), *body]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines) + "\n"


def plain_cells(cells: Sequence[tuple[str, ...]]) -> str:
    """Cells, header first, in aligned columns."""
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def read_json(path: Path, default: Any) -> Any:
    """The content of a file; ``default`` if it is missing or, with a warning, if it is damaged or of another type."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(value, type(default)):
            raise ValueError(f"it holds a {type(value).__name__}")
    except FileNotFoundError:
        return default
    except ValueError as error:  # also of the decoders of JSON and UTF-8
        print_log(f"{path} is damaged and is written again: {error}", logger="current", level=logging.WARNING)
        return default
    return value


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def digest(value: Any) -> str:
    """Hexadecimal SHA-1 of a config value."""
    return hashlib.sha1(json.dumps(value, sort_keys=True, default=repr).encode()).hexdigest()


def history_cells(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Cells, header first, with a row for each epoch and a column for each protocol."""
    protocols = list(dict.fromkeys(row["protocol"] for row in rows))
    epochs = sorted({row["epoch"] for row in rows})
    found = {(row["epoch"], row["protocol"]): value_text(row) for row in rows}
    body = [(str(epoch), *(found.get((epoch, name), "-") for name in protocols)) for epoch in epochs]
    return [("Epoch", *protocols), *body]
