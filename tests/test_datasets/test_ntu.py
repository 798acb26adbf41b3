"""The protocols of NTU RGB+D give the published clips."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from mmsync.converters import ntu
from mmsync.converters.raw import BadFileError
from mmsync.errors import ConfigError

# who was recorded in which setup of NTU RGB+D 60: always by 3 cameras, 2 times, with all 60 actions
SITTINGS = {
    1: [1, 2, 3, 4, 5, 6, 7, 8], 2: [3, 7, 8, 9, 10, 11, 12, 13, 14, 1], 3: [1, 2, 7, 8, 15, 16, 17, 18, 19],
    4: [3, 7, 8, 20], 5: [4, 10, 13, 15, 16, 17, 18, 21], 6: [1, 7, 8, 15, 16, 17, 19, 22, 23, 24, 25],
    7: [1, 7, 8, 15, 16, 17, 18, 19, 25, 26, 27, 28], 8: [1, 7, 8, 15, 19, 25, 29, 30, 31, 32, 33, 34, 35, 36],
    9: [1, 7, 8, 15, 16, 17, 19, 25], 10: [7, 8, 13, 15, 16, 17, 18, 19, 21, 25],
    11: [1, 2, 7, 8, 15, 16, 17, 18, 19, 25, 27, 28, 38], 12: [7, 8, 15, 16, 17, 18, 19, 25, 27, 28, 37],
    13: [7, 8, 15, 16, 17, 18, 19, 25, 27, 28, 37], 14: [7, 8, 15, 17, 19, 25, 27, 28, 37, 39],
    15: [7, 8, 15, 16, 17, 19, 25, 37, 40], 16: [7, 8, 19, 21, 25, 39, 40], 17: [3, 7, 8, 9, 15, 16, 17, 20],
}  # fmt: skip
for setup, subject in [(2, 1), (6, 25), (9, 1), (14, 28), (15, 40)]:
    SITTINGS[setup].remove(subject)


@pytest.fixture(scope="module")
def all_of_ntu60():
    return [
        f"S{setup:03d}C{view:03d}P{subject:03d}R{replication:03d}A{action:03d}"
        for setup, subjects in SITTINGS.items()
        for view in (1, 2, 3)
        for subject in sorted(subjects)
        for replication in (1, 2)
        for action in range(1, 61)
    ]


def test_ntu60_is_as_published(all_of_ntu60):
    """All 56,880 names through the list and the rules give the published counts and names."""
    assert len(all_of_ntu60) == ntu.published("ntu60")["files"] == 56880
    missing = ntu.missing_skeletons("ntu60")
    assert len(missing) == 302
    assert missing < set(all_of_ntu60)
    kept = [name for name in all_of_ntu60 if name not in missing]
    splits = ntu.protocol_splits(kept, "ntu60")
    for split, facts in ntu.published("ntu60")["clips"].items():
        digest = hashlib.sha1("\n".join(sorted(splits[split])).encode()).hexdigest()
        assert (split, len(splits[split]), digest) == (split, facts["count"], facts["sha1"])
    labels = np.array([ntu.parse_name(name).action for name in splits["xsub_train"]])
    counts = np.bincount(labels)[1:]
    assert (len(counts), counts.min(), counts.max()) == (60, 632, 672)
    assert ntu.compare_counts({"all": kept, **splits}, "ntu60") == []
    # the same clips as the first half of ntu120
    halves = ntu.protocol_splits(kept, "ntu120")
    assert all(halves[f"ntu60_{split}"] == names for split, names in splits.items())


def test_a_list_that_was_not_applied_is_told(all_of_ntu60):
    notes = ntu.compare_counts({"all": all_of_ntu60, **ntu.protocol_splits(all_of_ntu60, "ntu60")}, "ntu60")
    assert len(notes) == 5
    assert all("the missing list was not applied" in note for note in notes)
    assert "xsub_test: expected 16487, found 16560" in notes[2]
    assert "xview_test: expected 18932, found 18960" in notes[4]
    (note,) = [note for note in ntu.compare_counts({}, "ntu60") if note.startswith("xsub_train")]
    assert note == "xsub_train: expected 40091, found 0"


def test_ntu120_counts_fit_together():
    """Published and listed clips make up all files, and each whole action."""
    missing, facts = ntu.missing_skeletons("ntu120"), ntu.published("ntu120")
    assert len(missing) == 535
    assert missing > ntu.missing_skeletons("ntu60")
    listed = ntu.protocol_splits(missing, "ntu120")
    clips = ntu.expected_counts("ntu120")
    assert clips["all"] == 113945
    for one, other in [("xsub_train", "xsub_test"), ("xset_train", "xset_test")]:
        assert clips[one] + clips[other] + 535 == facts["files"]
        assert (clips[one] + len(listed[one])) % 120 == 0  # before the list every action has as many
    assert clips["oneshot_auxiliary"] + clips["oneshot_exemplar"] + clips["oneshot_test"] == 113945
    assert clips["oneshot_auxiliary"] == 50 * 948 + 50 * 960 - len(listed["oneshot_auxiliary"])
    assert len(facts["train_subjects"]) == 53
    assert set(ntu.published("ntu60")["train_subjects"]) < set(facts["train_subjects"])


def test_rules():
    names = [
        "S001C001P001R001A001", "S002C002P003R002A002", "S001C003P008R001A007", "S018C003P008R001A061",
        "S019C001P045R001A120", "S018C003P008R002A115", "S017C003P008R001A007", "S032C002P106R001A062",
    ]  # fmt: skip
    splits = ntu.protocol_splits(names, "ntu120")
    numbers = {split: [names.index(name) for name in part] for split, part in splits.items()}
    assert numbers["xsub_train"] == [0, 2, 3, 4, 5, 6]
    assert numbers["xsub_test"] == [1, 7]
    assert numbers["xset_train"] == [1, 3, 5, 7]
    assert numbers["xset_test"] == [0, 2, 4, 6]
    assert numbers["oneshot_exemplar"] == [2, 3]
    assert numbers["oneshot_test"] == [0, 5, 6]
    assert numbers["oneshot_auxiliary"] == [1, 4, 7]
    assert numbers["ntu60_xsub_test"] == [1]
    assert numbers["ntu60_xview_train"] == [1, 2, 6]


def test_names():
    found = ntu.parse_name("S017C003P040R002A060")
    assert (found.setup, found.view, found.subject, found.replication, found.action) == (17, 3, 40, 2, 60)
    for name, text in [
        ("clip", "wanted a name like"), ("S001C001P001R001A001 (1)", "wanted a name like"),
        ("._S001C001P001R001A001", "wanted a name like"), ("S001C004P001R001A001", "view 4"),
        ("S001C001P107R001A001", "subject 107"), ("S001C001P001R003A001", "replication 3"),
        ("S001C001P001R001A000", "action 0"),
        ("S033C001P001R001A061", "setup 33"), ("S001C001P001R001A061", "not recorded in setup 1"),
        ("S018C001P001R001A060", "not recorded in setup 18"),
    ]:  # fmt: skip
        with pytest.raises(BadFileError, match=text) as caught:
            ntu.parse_name(name)
        assert caught.value.kind == "wrong name"


def test_class_names():
    names = ntu.class_names("ntu120")
    assert len(names) == len(set(names)) == 120
    assert ntu.class_names("ntu60") == names[:60]
    assert (names[0], names[6], names[26], names[57], names[119]) == (
        "drink water", "throw", "jump up", "shake hands", "rock paper scissors",
    )  # fmt: skip
    with pytest.raises(ConfigError, match="ntu60 and ntu120"):
        ntu.published("ntu61")
