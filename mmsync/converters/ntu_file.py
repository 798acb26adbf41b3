"""One raw ``.skeleton`` file of NTU RGB+D (Kinect v2)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Union

import numpy as np

from mmsync.converters.raw import BadFileError, read_count, read_lines, read_table, show

JOINTS = 25
_BODY_LINES = JOINTS + 2  # its state, the number of joints, the joints
_MOST_BODIES = 100  # Kinect v2 tracks six people, and a slot is an int8


class TrackedClip(NamedTuple):
    """The content of a raw file: one row for each tracking id, ordered by first appearance."""

    keypoint: np.ndarray  # (M, T, 25, 3) float32, meters in the camera's frame (y up, z away); zeros where absent
    body_slots: np.ndarray  # (M, T) int8, the body's place in the file's list of that frame, -1 where absent
    body_ids: list[str]  # Tracking ids, (M,); their 17 digits do not fit a float


def read_skeleton(path: Union[str, Path]) -> TrackedClip:
    """Read a raw file: all its frames, lines ending in LF or CRLF.

    Line 1 is the number of frames. A frame is the number of bodies, and for each body a line of 10 values that begins
    with the tracking id, the number of joints (25), and 25 lines of 12 numbers that begin with x, y, z. A file that
    breaks this grammar or shows nobody is a ``BadFileError``.
    """
    lines = read_lines(path)
    frames = read_count(lines[0], path, 1, "the number of frames", most=10**9 - 1)
    rows: dict[bytes, int] = {}  # row in the clip by tracking id
    bodies: list[tuple[int, int, int, int]] = []  # row, frame, place in the frame's list, index of the first line
    try:
        _find_bodies(lines, frames, rows, bodies, path)
    except BadFileError:
        # a missing or extra line is noticed late; report the first line that is odd
        _read_bodies(lines, [body[-1] for body in bodies], path)
        raise
    if not bodies:
        raise BadFileError(path, "nobody", f"none of the {frames} frames has a body")
    if len(rows) > _MOST_BODIES:
        raise BadFileError(path, "bad count", f"{len(rows)} different bodies; at most {_MOST_BODIES} can be")
    row, frame, slot, heads = map(list, zip(*bodies))
    points = _read_bodies(lines, heads, path)
    if not points.any():
        raise BadFileError(path, "nobody", "all coordinates are zero")
    keypoint = np.zeros((len(rows), frames, JOINTS, 3), dtype=np.float32)
    body_slots = np.full(keypoint.shape[:2], -1, dtype=np.int8)
    keypoint[row, frame] = points
    body_slots[row, frame] = slot
    return TrackedClip(keypoint, body_slots, [body.decode() for body in rows])


def _find_bodies(
    lines: list[bytes], frames: int, rows: dict[bytes, int], bodies: list[tuple[int, int, int, int]],
    path: Union[str, Path],
) -> None:  # fmt: skip
    """Go through the structure of a file, and fill ``rows`` and ``bodies``; coordinates are read later, all at once."""
    last = len(lines)
    if frames > last - 1:  # each frame has a line at least
        raise BadFileError(path, "truncated", f"wanted {frames} frames, but only {last - 1} lines follow", 1)
    at = 1  # index of the next line
    for frame in range(frames):
        if at >= last:
            raise BadFileError(path, "truncated", f"the file ends before frame {frame + 1} of {frames}", last)
        count = read_count(lines[at], path, at + 1, "the number of bodies", _MOST_BODIES)
        at += 1
        seen = []
        for slot in range(count):
            if at + _BODY_LINES > last:
                where = f"body {slot + 1} of {count} in frame {frame + 1} of {frames}"
                raise BadFileError(path, "truncated", f"the file ends inside {where}", last)
            body = (lines[at].split(None, 1) or [b""])[0]
            if read_count(lines[at + 1], path, at + 2, "the number of joints", most=10**9 - 1) != JOINTS:
                text = f"wanted {JOINTS} joints, found {show(lines[at + 1])}"
                raise BadFileError(path, "joint count", text, at + 2)
            if body in seen:
                raise BadFileError(path, "duplicate body id", f"two bodies of a frame are {show(body)}", at + 1)
            seen.append(body)
            bodies.append((rows.setdefault(body, len(rows)), frame, slot, at))
            at += _BODY_LINES
    if at < last:
        text = f"wanted the end of the file after {frames} frames, found {show(lines[at])}"
        raise BadFileError(path, "trailing lines", text, at + 1)


def _read_bodies(lines: list[bytes], heads: list[int], path: Union[str, Path]) -> np.ndarray:
    """Coordinates ``(B, 25, 3)`` of the bodies that begin at ``heads`` (indices of lines)."""
    if not heads:
        return np.zeros((0, JOINTS, 3), dtype=np.float32)
    read_table([lines[head] for head in heads], 10, 1, path, [head + 1 for head in heads], len(lines))
    for head in heads:
        body = lines[head].split(None, 1)[0]
        if not body.isdigit():
            raise BadFileError(path, "not a number", f"wanted a tracking id, found {show(body)}", head + 1)
    joints = [line for head in heads for line in lines[head + 2 : head + _BODY_LINES]]
    numbers = (np.array(heads, dtype=int)[:, None] + np.arange(3, _BODY_LINES + 1)).ravel()
    return read_table(joints, 12, 3, path, numbers, len(lines)).reshape(-1, JOINTS, 3)
