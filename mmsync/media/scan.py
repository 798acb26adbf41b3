"""Scan videos: what they hold, and whether all of it decodes."""

from __future__ import annotations

import time as timer
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmsync.errors import DataError
from mmsync.media.container import Clock, describe, open_container, reason
from mmsync.parallel import Lost, run_tasks

STATUSES = ("ok", "no_audio", "too_short", "corrupt")
_WHOLE = 0.9  # a file that ends before this share of its declared duration is cut off


def scan_all(
    root: Path, names: Sequence[str], workers: int, min_frames: int, timeout: float
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Scan videos in processes, so that one that hangs or crashes its decoder costs itself only.

    Args:
        root: The folder.
        names: Paths below it.
        workers: Number of processes.
        min_frames: See :func:`scan_video`.
        timeout: Seconds for one file; its process is then ended and the file is corrupt.

    Returns:
        Names and rows of :func:`scan_video`, as they are ready.
    """
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
        row["reason"] = error.strerror or str(error)
    return row


def scan_video(path: Union[str, Path], min_frames: int = 1, timeout: Optional[float] = None) -> dict[str, Any]:
    """Decode a whole video and describe it.

    Args:
        path: The file.
        min_frames: Fewer decoded frames are ``too_short``.
        timeout: Seconds after which the file counts as corrupt.

    Returns:
        The fields of :class:`~mmsync.media.reader.VideoInfo` as decoded, ``size`` in bytes, ``mtime_ns``, and
        ``status`` with its ``reason``: ``ok``; ``no_audio``, whose pictures decode completely; ``too_short``;
        ``corrupt``, which cannot be opened, or not decoded to its end, and may lack fields that could not be read.
    """
    path = Path(path)
    row = _unreadable(path)
    if row["size"] is None:
        return row
    try:
        _scan(path, row, min_frames, float("inf") if timeout is None else timer.monotonic() + timeout)
    except DataError as error:
        row["reason"] = str(error).split(f"{path}: ", 1)[-1]
    except OSError as error:
        row["reason"] = error.strerror or str(error)
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
    reached = max([end, *sound])
    if not problem and damaged:
        problem = f"{damaged} of {len(times)} frames are damaged"
    if not problem and reached < _WHOLE * (info.start + info.duration) - tick:
        problem = f"ends after {reached:.2f} of {info.start + info.duration:.2f} s"
    if problem:
        row["reason"] = problem
    elif len(times) < min_frames:
        row["status"], row["reason"] = "too_short", f"{len(times)} frames, fewer than {min_frames}"
    elif not sound:
        row["status"], row["reason"] = "no_audio", "no sound" if audio is None else "a sound stream without content"
    else:
        row["status"] = "ok"
