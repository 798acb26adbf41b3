"""Raw recordings of a Kinect: NTU RGB+D ``.skeleton`` files with ghosts, lost tracks and empty frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from mmsync.converters import ntu
from mmsync.errors import ConfigError, DataError
from mmsync.worlds import kinematics as body
from mmsync.worlds.actions import ACTIONS

_LEAVES = np.setdiff1d(np.arange(25), body.PARENTS)  # Kinect gives these no orientation
_FIRST_ID = 72057594037927936  # 2 ** 56: ids have 17 digits and do not fit into a float
# Actions of one and of two persons; ntu120 takes them from both halves in turn.
_SINGLE, _PAIR = (range(1, 50), range(61, 106)), (range(50, 61), range(106, 121))
_SUBJECTS = {"ntu60": 40, "ntu120": 106}
_SETUPS = {False: (1, 17), True: (18, 32)}  # of the first 60 actions, of the others
BROKEN = (
    "empty", "truncated", "missing_line", "text", "nan", "no_bodies", "duplicate_ids", "joint_count", "frame_count",
    "wrong_name",
)  # fmt: skip
"""Faults of raw files by name."""


class RawTracks(NamedTuple):
    """The view of a sensor: bodies by tracking id, ordered by first frame, then by place in that frame's list."""

    ids: list[str]  # 17 digits each, (B,)
    keypoint: np.ndarray  # (B, T, 25, 3) meters in the camera's frame; zeros where a body is not seen
    slots: np.ndarray  # (B, T) int8, the place of the body in the frame's list, -1 where it is not seen


def track(
    clip: np.ndarray, rng: np.random.Generator, ghosts: float = 0.0, swaps: float = 0.0, dropouts: float = 0.0,
    crowd: float = 0.0,
) -> RawTracks:  # fmt: skip
    """Simulate a sensor's tracks of bodies ``(M, T, 25, 3)``; shares of ghosts, new ids, empty frames, bystanders."""
    persons, frames = clip.shape[:2]
    bodies, seen = [points for points in clip], [np.ones(frames, dtype=bool) for _ in range(persons)]
    reverse = np.zeros(frames, dtype=bool)  # frames whose list is in reverse order
    if rng.random() < crowd:
        aside = np.array([rng.choice((-1, 1)) * rng.uniform(0.9, 1.4), 0, rng.uniform(0.3, 0.8)])
        bodies.append(clip[0].mean(0) + aside + rng.normal(0, 0.003, clip[0].shape))
        seen.append(np.ones(frames, dtype=bool))
    if rng.random() < ghosts:
        for _ in range(int(rng.integers(1, 3))):
            bodies.append(_ghost(clip, rng))
            seen.append(np.zeros(frames, dtype=bool))
            seen[-1][_window(rng, frames, 2, 40)] = True
        if rng.random() < 0.3:  # a ghost may stand first in the list
            bodies.insert(0, bodies.pop())
            seen.insert(0, seen.pop())
    if rng.random() < swaps:
        who = int(rng.integers(len(bodies)))
        lost = _window(rng, frames, 0, 6)
        again = seen[who].copy()
        again[: lost.stop], seen[who][lost.start :] = False, False
        bodies.append(bodies[who])
        seen.append(again)
        reverse[_window(rng, frames, 5, 30)] = True
    if rng.random() < dropouts:
        empty = np.zeros(frames, dtype=bool)
        begin, middle, end = rng.integers(0, 1 + max(frames // 8, 1), 3)
        empty[:begin] = empty[frames - end :] = True
        at = int(rng.integers(frames))
        empty[at : at + middle] = True
        if not empty.all():
            for present in seen:
                present &= ~empty
    return _list_bodies(np.stack(bodies), np.stack(seen), reverse, _FIRST_ID + int(rng.integers(1, 9000)))


def _window(rng: np.random.Generator, frames: int, low: int, high: int) -> slice:
    length = int(rng.integers(low, max(low, min(high, frames)) + 1))
    start = int(rng.integers(max(frames - length, 0) + 1))
    return slice(start, start + length)


def _list_bodies(bodies: np.ndarray, present: np.ndarray, reverse: np.ndarray, first_id: int) -> RawTracks:
    """Tracks of bodies ``(B, T, 25, 3)`` that are present ``(B, T)``; a body that is never seen is no track."""
    keep = present.any(1)
    present, keypoint = present[keep], bodies[keep] * present[keep][..., None, None]
    place = present.cumsum(0) - 1
    place = np.where(reverse, present.sum(0) - 1 - place, place)
    slots = np.where(present, place, -1).astype(np.int8)
    order = np.lexsort((slots[np.arange(len(slots)), present.argmax(1)], present.argmax(1)))
    return RawTracks([str(first_id + k) for k in range(len(order))], keypoint[order], slots[order])


def _ghost(clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``(T, 25, 3)``: a shadow of the first person, or something wider than high."""
    frames = clip.shape[1]
    if rng.random() < 0.5:
        return clip[0] + (rng.uniform(0.4, 0.9), 0, 0.4) + rng.normal(0, 0.01, clip[0].shape)
    thing = clip[0].mean((0, 1)) + rng.uniform(-1, 1, (25, 3)) * (0.6, 0.15, 0.1) + (0, -0.4, 0.5)
    return thing + rng.normal(0, 0.01, (frames, 25, 3))


def format_skeleton(tracks: RawTracks, newline: str = "\n") -> str:
    """Format the text of a ``.skeleton`` file; see :func:`mmsync.converters.ntu_file.read_skeleton`."""
    rows = _joint_rows(tracks.keypoint)
    joint = " ".join(["%.7g"] * 11 + ["%d"])
    block = newline.join(["%s 0 1 1 1 1 0 %.7g %.7g 2", "25"] + [joint] * 25)
    lean = (tracks.keypoint[:, :, body.SPINE_SHOULDER] - tracks.keypoint[:, :, body.SPINE_BASE]).clip(-1, 1)
    lines = [str(tracks.slots.shape[1])]
    for frame, slots in enumerate(tracks.slots.T):  # text is written line by line
        listed = np.argsort(slots, kind="stable")[(slots < 0).sum() :]
        lines.append(str(len(listed)))
        for who in listed:
            x, _, z = lean[who, frame]
            lines.append(block % (tracks.ids[who], x, z, *rows[who, frame].ravel().tolist()))
    return newline.join(lines) + newline


def _joint_rows(keypoint: np.ndarray) -> np.ndarray:
    """``(B, T, 25, 12)``: x y z, depth pixel, color pixel, orientation w x y z, tracking state."""
    x, y, z = np.moveaxis(keypoint.astype(float), -1, 0)
    depth = np.maximum(z, 0.3)
    across, down = x / depth, -y / depth
    bone = keypoint.astype(float) - keypoint[:, :, np.maximum(body.PARENTS, 0)]
    bone /= np.linalg.norm(bone, axis=-1, keepdims=True) + 1e-9
    # the shortest turn from upright to the bone: (1 + u.d, u x d), normalized
    turn = np.stack([1 + bone[..., 1] + 1e-6, bone[..., 2], np.zeros_like(x), -bone[..., 0]], axis=-1)
    turn /= np.linalg.norm(turn, axis=-1, keepdims=True)
    turn[:, :, _LEAVES] = 0
    pixels = [256 + 365 * across, 212 + 365 * down, 965 + 1060 * across, 540 + 1060 * down]
    return np.concatenate([np.stack([x, y, z, *pixels], axis=-1), turn, np.full((*x.shape, 1), 2.0)], axis=-1)


def write_ntu_raw(
    source: Any, folder: Path, dataset: str = "ntu60", cameras: Sequence[int] = (1, 2, 3), seed: int = 0,
    ghosts: float = 0.2, swaps: float = 0.1, dropouts: float = 0.1, crowd: float = 0.03, crlf: float = 0.3,
    broken: Sequence[str] = (),
) -> list[Path]:  # fmt: skip
    """Write a folder of NTU RGB+D: up to three cameras see each clip, ``SsssCcccPpppRrrrAaaa.skeleton``.

    Training performers get training ids of the cross-subject protocol; each action has odd and even setups. Actions of
    one person are A1, A2, ..., those of two A50, A51, ...; of ntu120 every second one is moved behind A60.

    Args:
        source: Clips ``(M, T, 25, 3)`` of layout ``ntu25`` with a ``subject``, and splits ``train`` and ``test``.
        folder: The folder to write into.
        dataset: ``'ntu60'`` or ``'ntu120'``.
        cameras: Numbers from 1, 2, 3; camera 2 looks from 45 degrees to one side of camera 1, camera 3 to the other.
        seed: Seed of the sensor's faults.
        ghosts: Share of files with ghosts; this, ``swaps``, ``dropouts`` and ``crowd`` see :func:`track`.
        crlf: Share of files with lines that end in CRLF.
        broken: Names from ``BROKEN``; one more file of each.
    """
    if dataset not in _SUBJECTS or not set(cameras) <= {1, 2, 3} or not set(broken) <= set(BROKEN):
        text = f"give 'ntu60' or 'ntu120', cameras out of 1, 2, 3, and faults out of {', '.join(BROKEN)}"
        raise ConfigError(f"{dataset=}, {cameras=}, {broken=}: {text}")
    files = []
    bar = tqdm(_performances(source, dataset), desc=f"write {dataset}", unit="clip", disable=None)
    for index, setup, subject, replication, action in bar:
        clip = source.load(index)
        for camera in cameras:
            rng = np.random.default_rng((seed, index, camera))
            tracks = track(_move_camera(clip, setup, camera), rng, ghosts, swaps, dropouts, crowd)
            newline = "\r\n" if rng.random() < crlf else "\n"
            file = folder / f"{_name(setup, camera, subject, replication, action)}.skeleton"
            file.write_bytes(format_skeleton(tracks, newline).encode())
            files.append(file)
    for number, fault in enumerate(broken):
        _write_broken(files[number % len(files)], fault)
    return [folder]


def _write_broken(good: Path, fault: str) -> None:
    """Write a file with a fault beside a good one, under another name of the same performer and action."""
    _, camera, subject, _, action = (int(good.name[i + 1 : i + 4]) for i in range(0, 20, 4))
    names = (_name(setup, camera, subject, turn, action) for setup, turn in _rooms(subject, action, 0))
    free = (good.with_name(f"{name}.skeleton") for name in names)
    wrong = good.with_name("clip.skeleton")
    path = wrong if fault == "wrong_name" else next(path for path in free if not path.exists())
    path.write_text(_break(good.read_text(), fault))


def _break(text: str, fault: str) -> str:
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if len(line.split()) == 10)  # the first body
    if fault == "empty":
        lines = []
    elif fault == "truncated":
        lines = lines[: first + (len(lines) - first) // 2]
        lines[-1] = lines[-1][: len(lines[-1]) // 2]
    elif fault == "missing_line":
        del lines[first + 5]
    elif fault in ("text", "nan"):
        lines[first + 5] = " ".join(["oops" if fault == "text" else "nan", *lines[first + 5].split()[1:]])
    elif fault == "no_bodies":
        lines = [lines[0]] + ["0"] * int(lines[0])
    elif fault == "duplicate_ids":
        lines[first - 1 : first + 27] = [str(int(lines[first - 1]) + 1), *lines[first : first + 27] * 2]
    elif fault == "joint_count":
        lines[first + 1] = "24"
    elif fault == "frame_count":
        lines[0] = str(int(lines[0]) + 7)
    return "\n".join([*lines, ""])


def _performances(source: Any, dataset: str) -> list[tuple[int, int, int, int, int]]:
    """Index, setup, subject, replication and action of every clip."""
    if source.layout.name != "ntu25" or source.num_coords != 3:
        raise DataError(f"NTU RGB+D holds ntu25 in meters, but the source has {source.layout}, {source.num_coords}D")
    if source.labels is None or "subject" not in source.attributes:
        raise DataError("NTU RGB+D: the source has no labels, or no subjects, which the files' names hold")
    place = {name: index for index, name in enumerate(source.names)}
    subjects = source.attributes["subject"]
    ids: dict[int, int] = {}
    for split in ("train", "test"):
        who = np.unique(subjects[[place[name] for name in source.splits[split]]])
        training = ntu.published(dataset)["train_subjects"]
        free = [p for p in range(1, _SUBJECTS[dataset] + 1) if (p in training) == (split == "train")]
        if len(who) > len(free):
            raise DataError(f"{dataset}: {len(who)} performers in {split}, the protocol has {len(free)}")
        ids.update(zip(who.tolist(), free))
    names = source.class_names or [""] * (int(source.labels.max()) + 1)
    partner = source.attributes.get("partner", np.zeros(len(source.names), dtype=int))
    pairs = set(source.labels[partner > 0].tolist())
    pairs |= {label for label, name in enumerate(names) if name in ACTIONS and ACTIONS[name].persons == 2}
    actions: dict[int, int] = {}
    for classes, halves in (([k for k in range(len(names)) if k not in pairs], _SINGLE), (sorted(pairs), _PAIR)):
        numbers = list(halves[0]) if dataset == "ntu60" else [n for two in zip(*halves) for n in two]
        if len(classes) > len(numbers):
            raise DataError(f"{dataset}: {len(classes)} actions, the names allow {len(numbers)} of this kind")
        actions.update(zip(classes, numbers))
    rooms: dict[tuple[int, int], Iterator[tuple[int, int]]] = {}
    found = []
    for index, (label, who) in enumerate(zip(source.labels.tolist(), subjects.tolist())):
        subject, action = ids[who], actions[label]
        room = rooms.setdefault((subject, action), _rooms(subject, action, who + label))
        setup, replication = next(room, (0, 0))
        if not setup:
            raise DataError(f"{dataset}: too many clips of subject {subject}, action {action}; give fewer")
        found.append((index, setup, subject, replication, action))
    return found


def _rooms(subject: int, action: int, first: int) -> Iterator[tuple[int, int]]:
    """Setups and replications of one subject's action, from a setup on; none that is on the list of missing ones."""
    low, high = _SETUPS[action > 60]
    for number in range(2 * (high - low + 1)):
        setup, replication = low + (number // 2 + first) % (high - low + 1), 1 + number % 2
        names = {_name(setup, camera, subject, replication, action) for camera in (1, 2, 3)}
        if not names & ntu.missing_skeletons("ntu120"):
            yield setup, replication


def _name(setup: int, camera: int, subject: int, replication: int, action: int) -> str:
    return f"S{setup:03d}C{camera:03d}P{subject:03d}R{replication:03d}A{action:03d}"


def _move_camera(clip: np.ndarray, setup: int, camera: int) -> np.ndarray:
    """The clip from one of the three cameras of a setup, which has a height and a distance of its own."""
    angle = np.deg2rad((0, 45, -45)[camera - 1])
    cos, sin = np.cos(angle), np.sin(angle)
    center = clip.mean((0, 1, 2)) * (1, 0, 1)
    place = np.random.default_rng((setup, camera)).uniform((-0.3, -0.2, -0.3), (0.3, 0.2, 0.8))
    turn = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
    return (clip - center) @ turn + center + place
