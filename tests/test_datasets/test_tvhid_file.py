"""The grammar of TV-HID: a plain file by hand, variants that say the same, faults that are named and cost little."""

from __future__ import annotations

import numpy as np
import pytest

from mmsync.converters.raw import BadFileError
from mmsync.converters.tvhid_file import HEADS, read_annotation

PLAIN = """#num_frames: 3
#frame: 0  #num_bbxs: 2
0 10 20 30 no_interaction profile_left
2   50  5 40   no_interaction  backwards
#frame: 1  #num_bbxs: 2  #interacting: 0 - 2
0 11 20 30 hand_shake profile_left
2 49 5 40 hand_shake frontal_right
#frame: 2  #num_bbxs: 0
"""


def read(tmp_path, text: str):
    path = tmp_path / "handShake_0001.annotations"
    path.write_bytes(text.encode())
    return read_annotation(path)


def test_the_rows_of_a_plain_file(tmp_path):
    found = read(tmp_path, PLAIN)
    table = found.table
    assert table.frame.tolist() == [0, 0, 1, 1]
    assert table.person.tolist() == [0, 2, 0, 2]
    assert table.box.tolist() == [[10, 20, 40, 50], [50, 5, 90, 45], [11, 20, 41, 50], [49, 5, 89, 45]]
    assert table.label.tolist() == [0, 0, 1, 1]
    assert table.partner.tolist() == [-1, -1, 2, 0]
    assert [HEADS[i] for i in found.head] == ["profile_left", "backwards", "profile_left", "frontal_right"]
    assert (found.frames, found.promised, found.faults) == (3, 3, {})
    assert found.variants == ["ids with gaps"]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("CRLF", "\n", "\r\n"),
        ("no final newline", "#num_bbxs: 0\n", "#num_bbxs: 0"),
        ("#interactions", "#interacting", "#interactions"),
        ("i-j without blanks", "0 - 2", "0-2"),
        ("hyphens", "profile_left", "profile-left"),
        (None, "#num_bbxs: 0\n", "#num_bbxs: 0\n\n  \n"),
        (None, "#frame: 1  #num", "#frame:  1 #num"),
    ],
)
def test_variants_say_the_same(tmp_path, name, old, new):
    plain, other = read(tmp_path, PLAIN), read(tmp_path, PLAIN.replace(old, new))
    for a, b in zip(plain.table, other.table):
        np.testing.assert_array_equal(a, b)
    assert other.faults == {}
    assert name is None or name in other.variants


@pytest.mark.parametrize(
    ("kind", "old", "new", "boxes"),
    [
        ("fewer frames than promised", "#num_frames: 3", "#num_frames: 9", 4),
        ("fewer boxes than in the header", "#num_bbxs: 0", "#num_bbxs: 2", 4),
        ("more boxes than in the header", "#frame: 0  #num_bbxs: 2", "#frame: 0  #num_bbxs: 1", 4),
        ("a person twice in a frame", "2   50", "0   50", 3),
        ("text in a number", "10 20 30", "10 2o 30", 3),
        ("text in a number", "10 20 30", "10 1_0 30", 3),
        ("text in a number", "10 20 30", "10 nan 30", 3),
        ("impossible box", "10 20 30", "10 20 0", 3),
        ("unknown label", "hand_shake profile_left", "wave profile_left", 4),
        ("unknown head", "backwards", "upwards", 4),
        ("interacting person is missing", "0 - 2", "0 - 1", 4),
        ("interaction not understood", "0 - 2", "0 2", 4),
        ("line not understood", "2 49 5 40 hand_shake", "2 49 5 hand_shake", 3),
        ("line not understood", "#num_frames: 3", "#num_frames: many", 4),
        ("box before the first frame", "#num_frames: 3", "0 1 2 3 hug backwards", 4),
    ],
)
def test_faults_are_named_with_their_line_and_cost_a_line_at_most(tmp_path, kind, old, new, boxes):
    found = read(tmp_path, PLAIN.replace(old, new, 1))
    assert found.faults[kind].startswith("line ")
    assert len(found.table.frame) == boxes
    if kind.startswith("inter"):  # no partner is left over from elsewhere
        assert (found.table.partner == -1).all()


def test_a_fault_that_comes_often_is_counted_not_repeated(tmp_path):
    text = PLAIN.replace("backwards", "up").replace("profile_left", "down")
    assert read(tmp_path, text).faults["unknown head"] == "line 3: 'down' (and 2 more)"


@pytest.mark.parametrize(
    ("kind", "content"),
    [("empty file", ""), ("empty file", "\n\n"), ("no frame", "0 1 2 3 hug backwards\n"), ("not text", "\x00\x01")],
)
def test_what_is_no_annotation_file(tmp_path, kind, content):
    with pytest.raises(BadFileError) as error:
        read(tmp_path, content)
    assert error.value.kind == kind
