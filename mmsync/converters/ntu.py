"""Facts about NTU RGB+D 60 (Shahroudy et al., CVPR 2016) and 120 (Liu et al., TPAMI 2020): names, clips, protocols."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mmsync.converters.raw import BadFileError
from mmsync.errors import ConfigError

# NTU RGB+D: setup, camera, subject, replication, action
NTU_NAME = re.compile(r"S(?P<setup>\d{3})C(?P<view>\d{3})P(?P<subject>\d{3})R(?P<replication>\d{3})A(?P<action>\d{3})")
_FACTS = Path(__file__).parent / "ntu_facts"
_CLASSES = {"ntu60": 60, "ntu120": 120}
DATASETS_OF_NTU = tuple(_CLASSES)
_MOST = {"setup": 32, "view": 3, "subject": 106, "replication": 2, "action": 120}
LAST_SETUP_OF_60 = 17
_FILES_OF_ACTION = {False: 948, True: 960}  # of the first 60 actions, of the others
_NOVEL_EVERY = 6  # one-shot: A1, A7, ..., A115 are the novel actions
_EXEMPLAR = re.compile(r"S0(01|18)C003P008R001A\d{3}")


class NTUName(NamedTuple):
    """The numbers in a clip's name ``SsssCcccPpppRrrrAaaa``; ``action`` counts from 1, as in the name."""

    setup: int
    view: int
    subject: int
    replication: int
    action: int


def parse_name(name: str) -> NTUName:
    """Read a clip's name such as ``S001C001P001R001A001``; a ``BadFileError`` for another form or wrong numbers."""
    match = NTU_NAME.fullmatch(name)
    if match is None:
        raise BadFileError(name, "wrong name", "wanted a name like S001C002P003R002A013.skeleton")
    found = NTUName(**{field: int(digits) for field, digits in match.groupdict().items()})
    for field, most in _MOST.items():
        if not 1 <= getattr(found, field) <= most:
            raise BadFileError(name, "wrong name", f"{field} {getattr(found, field)} is not in 1..{most}")
    if (found.setup > LAST_SETUP_OF_60) != (found.action > 60):
        text = f"action {found.action} was not recorded in setup {found.setup} (1-17 have A001-A060, 18-32 A061-A120)"
        raise BadFileError(name, "wrong name", text)
    return found


@cache
def missing_skeletons(dataset: str) -> frozenset[str]:
    """Names of the clips without usable skeletons, as published: 302 of ntu60, 535 of ntu120."""
    names = (_FACTS / "missing_skeletons.txt").read_text().split()
    return frozenset(name for name in names if parse_name(name).action <= _CLASSES[dataset])


@cache
def class_names(dataset: str) -> list[str]:
    """Names of the actions, in the order of the labels."""
    return (_FACTS / "classes.txt").read_text().splitlines()[: _CLASSES[dataset]]


@cache
def published(dataset: str) -> dict:
    """``files``, ``train_subjects``, and ``clips``: count and SHA-1 of the sorted names by split."""
    if dataset not in _CLASSES:
        raise ConfigError(f"NTU RGB+D: no data set {dataset!r}; there are {' and '.join(_CLASSES)}")
    return json.loads((_FACTS / "protocols.json").read_text())[dataset]


def protocol_splits(names: Iterable[str], dataset: str) -> dict[str, list[str]]:
    """Distribute clips over the published splits, in the order given; ntu120 has ntu60's too, as ``ntu60_*``."""
    clips = {name: parse_name(name) for name in names}
    subjects = set(published(dataset)["train_subjects"])
    rules = {"xsub": lambda clip: clip.subject in subjects}
    if dataset == "ntu60":
        rules["xview"] = lambda clip: clip.view != 1
    else:
        rules["xset"] = lambda clip: clip.setup % 2 == 0
    splits = {
        f"{protocol}_{part}": [name for name, clip in clips.items() if rule(clip) == (part == "train")]
        for protocol, rule in rules.items()
        for part in ("train", "test")
    }
    if dataset == "ntu120":
        novel = {name: clip.action % _NOVEL_EVERY == 1 for name, clip in clips.items()}
        splits["oneshot_auxiliary"] = [name for name in clips if not novel[name]]
        splits["oneshot_exemplar"] = [name for name in clips if novel[name] and _EXEMPLAR.fullmatch(name)]
        splits["oneshot_test"] = [name for name in clips if novel[name] and not _EXEMPLAR.fullmatch(name)]
        first = [name for name, clip in clips.items() if clip.action <= 60]
        splits.update({f"ntu60_{split}": part for split, part in protocol_splits(first, "ntu60").items()})
    return splits


@cache
def expected_counts(dataset: str) -> dict[str, int]:
    """Clips of the whole set (``all``) and of every split of :func:`protocol_splits`, without the missing ones."""
    facts, missing = published(dataset), missing_skeletons(dataset)
    counts = {"all": facts["files"] - len(missing)}
    counts.update({split: clips["count"] for split, clips in facts["clips"].items()})
    if dataset == "ntu120":
        listed = protocol_splits(missing, dataset)
        novel = range(1, 121, _NOVEL_EVERY)
        files = sum(_FILES_OF_ACTION[action > 60] for action in novel)
        counts["oneshot_auxiliary"] = facts["files"] - files - len(listed["oneshot_auxiliary"])
        counts["oneshot_exemplar"] = len(novel)
        counts["oneshot_test"] = files - len(novel) - len(listed["oneshot_test"])
        counts.update({f"ntu60_{split}": n for split, n in expected_counts("ntu60").items() if split != "all"})
    return counts


def compare_counts(splits: Mapping[str, Collection[str]], dataset: str) -> list[str]:
    """Describe each split whose size is not the published one in a line; ``splits['all']`` is the whole set."""
    missing = missing_skeletons(dataset)
    listed = {"all": len(missing)}
    listed.update({split: len(names) for split, names in protocol_splits(missing, dataset).items()})
    notes = []
    for split, count in expected_counts(dataset).items():
        found = len(splits.get(split, ()))
        unfiltered = listed[split] and found == count + listed[split]
        hint = "; this is the count with the clips without usable skeletons: the missing list was not applied"
        if found != count:
            notes.append(f"{split}: expected {count}, found {found}{hint if unfiltered else ''}")
    return notes
