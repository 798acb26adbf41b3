"""Selection of the items of a source by a split, and of those that keep their label in semi-supervised evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Optional, Union

import numpy as np
import torch
from mmengine.logging import print_log

from mmsync.errors import ConfigError, ProtocolError, did_you_mean, nearest
from mmsync.fileio import numbered_lines
from mmsync.ops.subsets import exemplars, stratified_subset, uniform_subset

Split = Union[str, Mapping]
RULES: dict[str, Callable] = {"stratified": stratified_subset, "uniform": uniform_subset, "exemplar": exemplars}
SUBSET_KEYS = ("share", "rule", "seed")


def select(
    split: Optional[Split], names: Sequence[str], splits: Mapping[str, Sequence[str]],
    columns: Mapping[str, Optional[np.ndarray]],
) -> np.ndarray:  # fmt: skip
    """Find the items of a split: ``(k,)`` int64 places in ``names``, in the order of a list of names if it is one."""
    if split is None:
        return np.arange(len(names))
    place = {name: i for i, name in enumerate(names)}
    if isinstance(split, str):
        if split not in splits:
            hint = did_you_mean(nearest(split, list(splits))) or ";"
            raise ProtocolError(f"no split {split!r}{hint} the source has: {', '.join(splits) or 'none'}")
        return _find(splits[split], place, split)
    if not isinstance(split, Mapping):
        text = "a split's name, dict(names=[...]), conditions on attributes as dict(view=1), or None for all"
        raise ConfigError(f"split={str(split)[:80]}: give {text}")
    keep = np.ones(len(names), dtype=bool)
    order = None
    for key, wanted in split.items():
        if key in ("names", "file"):
            listed = [line for _, line in numbered_lines(wanted)] if key == "file" else np.atleast_1d(wanted).tolist()
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
        asked = {key: columns.get(key) for key in split}
        shown = [f"{key} has {_some_values(values)}" for key, values in asked.items() if values is not None]
        raise ProtocolError("; ".join([f"split {dict(split)} holds no clip of the source", *shown]))
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


def select_subset(labels: np.ndarray, subset: Mapping) -> np.ndarray:
    """Select the items that a ``subset`` keeps, ``(m,)`` int64, by labels ``(n,)`` int64 with -1 for unknown.

    A subset is ``dict(share=0.1, rule='stratified', seed=0)``. Rules: ``'stratified'``, ``round(share * n_c)`` clips of
    each class but at least one; ``'uniform'``, ``int(share * n)`` of all; ``'exemplar'``, one of each class, which
    takes no share.
    """
    options = {"rule": "stratified", "seed": 0, **subset}
    for key in options:
        if key not in SUBSET_KEYS:
            hint = did_you_mean(nearest(key, SUBSET_KEYS))
            raise ConfigError(f"subset.{key}: unknown{hint}; it takes {', '.join(SUBSET_KEYS)}")
    rule, share, seed = options["rule"], options.get("share"), options["seed"]
    if rule not in RULES:
        raise ConfigError(f"subset.rule: {rule!r}{did_you_mean(nearest(str(rule), RULES))}; use {', '.join(RULES)}")
    if (share is None) != (rule == "exemplar"):
        raise ConfigError(f"subset: rule {rule!r} " + ("needs share=..." if share is None else "takes no share"))
    if share is not None and not 0 < share <= 1:
        raise ConfigError(f"subset.share={share}: give a share in (0, 1], for instance 0.1 for 10 %")
    known = torch.from_numpy(np.asarray(labels, dtype=np.int64))
    places = exemplars(known, seed) if rule == "exemplar" else RULES[rule](known, share, seed)
    if not len(places):
        count = f"{len(labels)} clips, {int((known >= 0).sum())} of them labeled"
        raise ProtocolError(f"subset {options}: no clip is left of {count}; take a larger share or rule='stratified'")
    missing = sorted(set(known[known >= 0].tolist()) - set(known[places].tolist()))
    if missing:
        text = f"{len(missing)} classes have no clip in it: {missing[:20]}; they cannot be learned"
        print_log(f"subset {dict(options)}: {text}", logger="current", level=30)
    return places.numpy()


def _some_values(values: np.ndarray) -> str:
    """The distinct values of a column, the first ten of them."""
    distinct = np.unique(values).tolist()
    return ", ".join(map(repr, distinct[:10])) + (", ..." if len(distinct) > 10 else "")
