"""The reader of raw .skeleton files equals a plain line-by-line reader, and tells every fault with its line."""

from __future__ import annotations

import numpy as np
import pytest

from mmsync.converters.ntu_file import read_skeleton
from mmsync.converters.raw import BadFileError

FIRST = 72057594037931101  # ids of this size differ by less than a double can tell


def joint(rng):
    numbers = [*rng.normal(0, 2, 3), *rng.uniform(0, 1900, 4), *rng.normal(0, 1, 4)]
    return " ".join([*(f"{number:.7g}" for number in numbers), "2"])


def body(rng, who):
    return [f"{who} 0 1 1 1 1 0 0.02 -1.5E-05 2", "25", *(joint(rng) for _ in range(25))]


def recording(frames, seed=0):
    """Lines of a file; ``frames`` lists the ids that each frame shows."""
    rng = np.random.default_rng(seed)
    lines = [str(len(frames))]
    for ids in frames:
        lines.append(str(len(ids)))
        for who in ids:
            lines += body(rng, who)
    return lines


def naive(path):
    """Ids in order of appearance, and the coordinates and places of every body, one line at a time."""
    with open(path) as file:
        frames, seen = int(file.readline()), {}
        for t in range(frames):
            for slot in range(int(file.readline())):
                who = file.readline().split()[0]
                points = [[float(n) for n in file.readline().split()[:3]] for _ in range(int(file.readline()))]
                seen.setdefault(who, []).append((t, slot, points))
    return frames, seen


A, B, C = FIRST, FIRST + 1, FIRST + 2


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "frames",
    [
        [[A]], [[A]] * 5, [[], [A], [], [B, A], [A, B], [], [C, A], []], [[C, B, A], [A, B, C], [B]],
        [[A, B, C, FIRST + 3, FIRST + 4, FIRST + 5]] * 2,
    ],
)  # fmt: skip
def test_equals_the_plain_reader(tmp_path, frames, newline):
    path = tmp_path / "S001C001P001R001A001.skeleton"
    path.write_bytes(newline.join([*recording(frames), ""]).encode())
    clip = read_skeleton(path)
    length, seen = naive(path)
    assert clip.body_ids == list(seen)
    assert (clip.keypoint.shape, clip.keypoint.dtype) == ((len(seen), length, 25, 3), np.float32)
    keypoint = np.zeros((len(seen), length, 25, 3), dtype=np.float32)
    slots = np.full((len(seen), length), -1, dtype=np.int8)
    for m, places in enumerate(seen.values()):
        for t, slot, points in places:
            keypoint[m, t], slots[m, t] = points, slot
    np.testing.assert_array_equal(clip.keypoint, keypoint)
    np.testing.assert_array_equal(clip.body_slots, slots)
    assert clip.body_slots.dtype == np.int8


def test_what_real_files_may_have(tmp_path):
    """No newline at the end, blank lines after it, tabs, and NaN where no one looks."""
    lines = recording([[A], [A]])
    path = tmp_path / "a.skeleton"
    path.write_text("\n".join(lines))
    plain = read_skeleton(path)
    lines[5] = lines[5].replace(" ", "\t ") + " "
    words = lines[8].split()
    words[5:7] = "NaN", "-Infinity"
    lines[8] = " ".join(words)
    path.write_text("\n".join([*lines, "", " ", ""]))
    again = read_skeleton(path)
    np.testing.assert_array_equal(again.keypoint, plain.keypoint)


def change(at, to):
    return lambda lines: [*lines[:at], *([to] if isinstance(to, str) else to), *lines[at + 1 :]]


def word(at, place, to):
    def edit(lines):
        words = lines[at].split()
        words[place : place + 1] = to
        return [*lines[:at], " ".join(words), *lines[at + 1 :]]

    return edit


# frames: [A], [], [A, B]. Line (from 0) 0: frames; 1: bodies; 2: head; 3: joints; 4-28: A; 29: bodies; 30: bodies;
# 31, 32, 33-57: A; 58, 59, 60-84: B
FAULTS = {
    "nothing": (lambda _: [], "empty file", None, "0 bytes"),
    "blanks only": (lambda _: ["", " ", ""], "empty file", None, "nothing"),
    "binary": (lambda lines: [*lines[:6], "\0\1", *lines[6:]], "not text", 7, "byte"),
    "not UTF-8": (lambda lines: [*lines[:6], "\xff", *lines[6:]], "not text", 7, "byte 0xc3"),
    "text as frame count": (change(0, "many"), "wrong line", 1, "number of frames"),
    "negative frame count": (change(0, "-3"), "bad count", 1, "'-3'"),
    "fraction of a frame": (change(0, "3.5"), "bad count", 1, "3.5"),
    "absurd frame count": (change(0, "9" * 30), "bad count", 1, "number of frames"),
    "more frames than lines": (change(0, "500"), "truncated", 1, "500 frames"),
    "more frames than there are": (change(0, "5"), "truncated", 85, "frame 4 of 5"),
    "fewer frames than there are": (change(0, "2"), "trailing lines", 31, "after 2 frames"),
    "no frames": (lambda _: ["0"], "nobody", None, "0 frames"),
    "nobody": (lambda _: ["3", "0", "0", "0"], "nobody", None, "none of the 3"),
    "all zero": (
        lambda lines: [line if len(line.split()) < 12 else " ".join("0" * 12) for line in lines],
        "nobody", None, "zero",
    ),
    "negative body count": (change(1, "-1"), "bad count", 2, "number of bodies"),
    "absurd body count": (change(1, "100000"), "bad count", 2, "100000"),
    "more bodies": (change(30, "3"), "truncated", 85, "body 3 of 3"),
    "24 joints": (change(3, "24"), "joint count", 4, "wanted 25"),
    "negative joints": (change(3, "-25"), "bad count", 4, "number of joints"),
    "same id twice": (change(58, f"{A} 0 1 1 1 1 0 0 0 2"), "duplicate body id", 59, str(A)),
    "id is a word": (change(2, "Bob 0 1 1 1 1 0 0 0 2"), "not a number", 3, "Bob"),
    "id is a fraction": (change(2, "1.5 0 1 1 1 1 0 0 0 2"), "not a number", 3, "tracking id"),
    "short head": (change(2, f"{A} 0 1"), "wrong line", 3, "wanted 10 numbers, found 3"),
    "word in a head": (word(31, 7, ["x"]), "not a number", 32, "'x'"),
    "word as x": (word(10, 0, ["oops"]), "not a number", 11, "oops"),
    "word as a pixel": (word(70, 5, ["1,5"]), "not a number", 71, "'1,5'"),
    "underscore": (word(70, 1, ["1_5"]), "not a number", 71, "1_5"),
    "two dots": (word(10, 1, ["1.2.3"]), "not a number", 11, "1.2.3"),
    "NaN": (word(10, 2, ["NaN"]), "not finite", 11, "NaN"),
    "infinite": (word(10, 1, ["-inf"]), "not finite", 11, "infinite"),
    "too large for float32": (word(10, 1, ["1e39"]), "not finite", 11, "1e39"),
    "11 numbers": (word(12, 3, []), "wrong line", 13, "wanted 12 numbers, found 11"),
    "13 numbers": (word(12, 3, ["1", "2"]), "wrong line", 13, "found 13"),
    "11 here, 13 there": (lambda lines: word(13, 3, ["1", "2"])(word(12, 3, [])(lines)), "wrong line", 13, "found 11"),
    "blank line inside": (lambda lines: [*lines[:12], "", *lines[12:]], "wrong line", None, "wanted"),
    "a joint line is missing": (change(12, []), "wrong line", 29, "wanted 12 numbers, found 1"),
    "a joint line is doubled": (lambda lines: [*lines[:13], *lines[12:]], "wrong line", 30, "number of bodies"),
    "a lone carriage return": (change(12, "1 2\r3"), "wrong line", 13, "carriage return"),
    "the last joint line is missing": (change(84, []), "truncated", 84, "body 2 of 2 in frame 3 of 3"),
    "the last line is cut": (change(84, "1.5 2.5"), "truncated", 85, "found 2"),
    "half the file": (lambda lines: lines[:40], "truncated", 40, "body 1 of 2"),
    "more lines": (lambda lines: [*lines, "1"], "trailing lines", 86, "found '1'"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_told(tmp_path, fault):
    edit, kind, line, text = FAULTS[fault]
    path = tmp_path / "S001C001P001R001A001.skeleton"
    path.write_bytes("\n".join(edit(recording([[A], [], [A, B]]))).encode())
    with pytest.raises(BadFileError) as caught:
        read_skeleton(path)
    message = str(caught.value)
    assert (caught.value.kind, text in message) == (kind, True), message
    assert message.startswith(str(path))
    if line:
        assert f"{path}, line {line}:" in message


def test_any_damage_is_a_bad_file_error(tmp_path):
    """Whatever happens to a file, the reader gives a finite clip or a BadFileError, and nothing else."""
    rng = np.random.default_rng(0)
    good = "\n".join(recording([[A], [A, B]])).encode()
    path, refused = tmp_path / "a.skeleton", 0
    for _ in range(300):
        text = bytearray(good)
        for _ in range(int(rng.integers(1, 4))):
            at, length = int(rng.integers(len(text))), int(rng.integers(1, 400))
            kind = rng.integers(4)
            if kind == 0:
                del text[at : at + length]
            elif kind == 1:
                text[at:at] = text[at // 2 : at // 2 + length]
            elif kind == 2:
                text[at] = int(rng.choice(list(b"0123456789.-eE \n\rxN")))
            else:
                del text[at + 1 :]
        path.write_bytes(bytes(text))
        try:
            clip = read_skeleton(path)
        except BadFileError:
            refused += 1
        else:
            assert np.isfinite(clip.keypoint).all()
    assert refused > 150


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(BadFileError, match="No such file") as caught:
        read_skeleton(tmp_path / "nothing.skeleton")
    assert caught.value.kind == "cannot be read"
