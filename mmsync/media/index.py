"""The index of a folder of videos: a line of JSON as header, and rows of :func:`scan_video`, sorted by path."""

from __future__ import annotations

import json
import time as timer
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from mmengine.logging import print_log

from mmsync.errors import DataError
from mmsync.fileio import atomic_path, find_files
from mmsync.media.av_reader import Clock, describe, open_container, reason
from mmsync.media.reader import INSTALL, require
from mmsync.parallel import Lost, progress, run_tasks

VERSION = 1
STATUSES = ("ok", "no_audio", "too_short", "corrupt")  # too_short: below min_frames; corrupt: not decoded to its end
USABLE = ("ok", "no_audio")  # statuses of videos whose pictures can be used
_WHOLE = 0.9  # a file that ends before this share of its declared duration is cut off
SUFFIXES = (".avi", ".mp4", ".mkv", ".mov", ".webm", ".mpg", ".mpeg", ".m4v", ".wmv", ".flv", ".ts", ".3gp")
_SHOWN = 5  # files that a message names
_APART = 0.05  # share of the pictures' duration by which sound may end before or after them, and at least
_APART_SECONDS = 0.3


def sound_apart(row: Mapping[str, Any]) -> str:
    """When the sound of a row ends, if that is far from the end of its pictures, else an empty text.

    It may be cut off, or its header may have a wrong sample rate, with which it is of no use.
    """
    pictures, sound = row["start"] + row["duration"], row["audio_start"] + row["audio_duration"]
    if abs(sound - pictures) <= max(_APART_SECONDS, _APART * row["duration"]):
        return ""
    return f"until {sound:.2f} s, pictures last until {pictures:.2f} s"


class VideoIndex:
    """Properties of each video of the folder ``root``: rows of :func:`scan_video` by path below it."""

    def __init__(self, root: Union[str, Path], rows: dict[str, dict[str, Any]]) -> None:
        self.root, self.rows = Path(root), rows

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, name: str) -> bool:
        return name in self.rows

    def __getitem__(self, name: str) -> dict[str, Any]:
        if name not in self.rows:
            raise DataError(f"{name} is not in the index of {self.root}; run mmsync index_videos")
        return self.rows[name]

    def path(self, name: str) -> Path:
        """The file of a video."""
        return self.root / name

    def counts(self) -> dict[str, int]:
        """Number of videos by status."""
        found = Counter(row["status"] for row in self.rows.values())
        return {status: found[status] for status in STATUSES}

    def report(self) -> str:
        """Counts, and the names of videos that cannot be used."""
        lines = [f"{len(self)} videos in {self.root}"]
        for status, count in self.counts().items():
            lines.append(f"  {status}: {count}")
            if status in ("too_short", "corrupt"):
                bad = [f"    {name}: {row['reason']}" for name, row in self.rows.items() if row["status"] == status]
                lines += bad[:_SHOWN] + [f"    ... and {count - _SHOWN} more, all in the index"] * (count > _SHOWN)
        good = [row for row in self.rows.values() if row["status"] in USABLE]
        hours, frames = sum(row["duration"] for row in good) / 3600, sum(row["frames"] for row in good)
        apart = [name for name, row in self.rows.items() if row["status"] == "ok" and sound_apart(row)]
        if apart:
            lines.append(f"  sound that ends apart from the pictures: {len(apart)}")
            lines += [f"    {name}: sounds {sound_apart(self[name])}" for name in apart[:_SHOWN]]
        vfr, late = sum(row["is_vfr"] for row in good), sum(row["start"] > 0.5 / row["rate"] for row in good)
        last = f"  usable: {hours:.2f} h, {frames} frames; variable rate: {vfr}; pictures that start late: {late}"
        return "\n".join([*lines, last])

    @classmethod
    def load(cls, file: Union[str, Path], root: Optional[Union[str, Path]] = None, check: bool = True) -> VideoIndex:
        """Read an index of videos now in ``root``; ``check`` raises a DataError if a file is missing or has changed."""
        header, rows = _read(Path(file))
        index = cls(header["root"] if root is None else root, rows)
        if check:
            index._check()
        return index

    def _check(self) -> None:
        changed, touched = [], []
        for name, row in self.rows.items():
            size, mtime_ns = _state(self.path(name))
            if size != row["size"]:
                changed.append(f"{name} (missing)" if size is None else f"{name} ({row['size']} bytes, now {size})")
            elif mtime_ns != row["mtime_ns"]:
                touched.append(name)
        if changed:
            advice = "Run mmsync index_videos again; it reads only changed files"
            found = f"{len(changed)} of {len(self)} videos in {self.root} have changed since they were indexed"
            raise DataError(f"{found}: {_some(changed)}. {advice}")
        if touched:
            text = f"{len(touched)} videos of the same size have another modification time than in the index: "
            print_log(text + _some(touched), logger="current", level=30)

    def save(self, file: Union[str, Path]) -> None:
        """Write the index; the file is whole or absent."""
        with atomic_path(file) as temporary, open(temporary, "w", encoding="utf-8") as out:
            header = {"mmsync_video_index": VERSION, "root": str(self.root), **self.counts()}
            for line in (header, *self.rows.values()):
                out.write(json.dumps(line) + "\n")


def build_index(
    root: Union[str, Path], out: Union[str, Path], names: Optional[Sequence[str]] = None, workers: int = 1,
    min_frames: int = 1, timeout: float = 120.0,
) -> VideoIndex:  # fmt: skip
    """Decode all videos of a folder and write the index. Repeat a stopped call to resume it.

    Args:
        root: The folder, searched with all folders in it.
        out: The index; rows of unchanged files are kept.
        names: Paths below the root, instead of all files with a usual suffix.
        workers: Processes.
        min_frames: Fewer decoded frames are ``too_short``.
        timeout: Seconds for one file; its process is then ended and the file is corrupt.

    Raises:
        DataError: The folder does not exist or holds no video, or ``out`` is something else.
    """
    root, out = Path(root).resolve(), Path(out)
    if names is None:
        names = [path.relative_to(root).as_posix() for path in find_files(root, SUFFIXES, "video")]
    names = sorted(set(names))
    part = out.with_name(f".{out.name}.part")  # rows in the order of completion; a kill leaves at most half a line
    header, stored = _read(out) if out.exists() else ({}, {})
    known = stored | (_read(part, True)[1] if part.exists() else {})
    rows = {name: known[name] for name in names if name in known and _same(root / name, known[name], min_frames)}
    todo = [name for name in names if name not in rows]
    if not todo and rows == stored and header.get("root") == str(root) and not part.exists():
        return VideoIndex(root, rows)
    require("av", INSTALL)
    out.parent.mkdir(parents=True, exist_ok=True)
    corrupt = sum(row["status"] == "corrupt" for row in rows.values())
    bar = progress(len(names), len(rows), desc="index", unit="video", disable=not todo)
    with open(part, "a", encoding="utf-8") as log, bar:
        log.write("\n")
        for name, row in scan_all(root, todo, workers, min_frames, timeout):
            rows[name] = {**row, "path": name, "min_frames": min_frames}
            log.write(json.dumps(rows[name]) + "\n")
            log.flush()
            corrupt += row["status"] == "corrupt"
            bar.set_postfix(corrupt=corrupt, refresh=False)
            bar.update()
    index = VideoIndex(root, {name: rows[name] for name in names})
    index.save(out)
    part.unlink()
    return index


def _state(path: Path) -> tuple[Optional[int], Optional[int]]:
    """Size and modification time of a file, ``None`` if it is missing."""
    try:
        stat = path.stat()
    except OSError:
        return None, None
    return stat.st_size, stat.st_mtime_ns


def _same(path: Path, row: dict, min_frames: int) -> bool:
    state = _state(path)
    return state[0] is not None and (*state, min_frames) == (row["size"], row["mtime_ns"], row.get("min_frames"))


def _read(file: Path, torn: bool = False) -> tuple[dict, dict[str, dict]]:
    """Header and rows; of a ``torn`` file, the lines that are complete."""
    header: dict = {}
    rows: dict[str, dict] = {}
    try:
        with open(file, encoding="utf-8") as lines:
            for line in filter(str.strip, lines):
                try:
                    row = json.loads(line)
                    if "mmsync_video_index" in row:
                        header = row
                    else:
                        rows[row["path"]] = row
                except (ValueError, KeyError, TypeError):
                    if not torn:
                        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file} cannot be read as an index of videos: {error}") from error
    if not torn and header.get("mmsync_video_index") != VERSION:
        advice = "build it with mmsync index_videos"
        raise DataError(f"{file} is no index of videos of version {VERSION}; {advice}")
    return header, rows


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def scan_all(
    root: Path, names: Sequence[str], workers: int, min_frames: int, timeout: float
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names and rows of :func:`scan_video`; a video that hangs or crashes its decoder costs its process only."""
    tasks = {name: (str(root / name), min_frames) for name in names}
    for name, row in run_tasks(scan_video, tasks, workers, timeout, isolate=True):
        yield name, {**_unreadable(root / name), "reason": row.reason} if isinstance(row, Lost) else row


def _unreadable(path: Path) -> dict[str, Any]:
    """The row of a file of which only size and modification time are known."""
    row: dict[str, Any] = {"path": str(path), "status": "corrupt", "reason": "", "size": None, "mtime_ns": None}
    try:
        stat = path.stat()
        row.update(size=stat.st_size, mtime_ns=stat.st_mtime_ns)
    except OSError as error:
        row["reason"] = reason(error)
    return row


def scan_video(path: Union[str, Path], min_frames: int = 1, timeout: Optional[float] = None) -> dict[str, Any]:
    """Decode a whole video in ``timeout`` seconds: the fields of `VideoInfo`, size, mtime_ns, status and its reason."""
    path = Path(path)
    row = _unreadable(path)
    if row["size"] is None:
        return row
    try:
        _scan(path, row, min_frames, float("inf") if timeout is None else timer.monotonic() + timeout)
    except (DataError, OSError) as error:
        row["reason"] = reason(error).split(f"{path}: ", 1)[-1]
    return row


def _scan(path: Path, row: dict[str, Any], min_frames: int, deadline: float) -> None:
    import av

    info = describe(path)
    row.update(asdict(info))
    container, stream = open_container(path)
    clock = Clock(container, stream)
    audio = container.streams.audio[0] if container.streams.audio else None
    times: list[float] = []
    sound: list[float] = []  # start and end of each packet
    damaged, problem = 0, ""
    try:
        for packet in container.demux([stream] if audio is None else [stream, audio]):
            if timer.monotonic() > deadline:
                problem = f"decoding timed out after {len(times)} frames"
                break
            if packet.stream_index != stream.index:
                start = clock.seconds(audio, packet.pts)
                if start is not None:
                    sound += [start, start + (packet.duration or 0) * float(packet.time_base)]
                continue
            for frame in packet.decode():
                times.append(clock.time(frame))
                damaged += bool(frame.is_corrupt)
    except (av.FFmpegError, OSError) as error:
        problem = f"decodes to frame {len(times)} only: {reason(error)}"
    finally:
        container.close()
    if not times:
        raise DataError(problem or "no frame can be decoded")

    gaps = np.diff(times)
    tick = float(np.median(gaps)) if len(gaps) else clock.tick
    end = times[-1] + tick
    row.update(frames=len(times), start=times[0], duration=end - times[0], rate=len(times) / (end - times[0]))
    # containers round to milliseconds, and a single extra or missing frame does not make a rate variable
    row["is_vfr"] = bool(len(gaps) and np.mean(np.abs(gaps - tick) > 0.1 * tick + 0.0011) > 0.01)
    if sound:
        # packets before the declared start only prime the decoder
        row["audio_start"] = max(info.audio_start or 0.0, min(sound))
        row["audio_duration"] = max(sound) - row["audio_start"]
    reached, declared = max([end, *sound]), info.start + info.duration
    if problem:
        row["reason"] = problem
    elif damaged:
        row["reason"] = f"{damaged} of {len(times)} frames are damaged"
    elif reached < _WHOLE * declared - tick:
        row["reason"] = f"ends after {reached:.2f} of {declared:.2f} s"
    elif len(times) < min_frames:
        row["status"], row["reason"] = "too_short", f"{len(times)} frames, fewer than {min_frames}"
    elif not sound:
        row["status"], row["reason"] = "no_audio", "no sound" if audio is None else "a sound stream without content"
    else:
        row["status"] = "ok"
