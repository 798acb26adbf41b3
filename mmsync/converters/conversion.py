"""Raw files into a store: in parallel, to be gone on with after a stop, with a report of every file that is left out.

The raw files are dealt into small groups. A worker reads the files of a group and writes a shard, whose name stands
for the names, sizes and times of those files; so whatever is there when a conversion starts again is taken as it is.
When all shards are there, they are put together in order, and the store appears under its name.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

import numpy as np
from tqdm import tqdm

from mmsync.converters.raw import BadFileError
from mmsync.errors import DataError, MMSyncError
from mmsync.fileio import atomic_path
from mmsync.store.skeletons import StoreWriter

_VERSION = 1  # of the shards; a change of a reader that changes clips needs a new one
SHOWN = 5  # files of one kind that a summary names


class RawClip(NamedTuple):
    """A clip out of a raw file.

    Attributes:
        name: Unique name.
        keypoint: ``(M, T, V, C)``.
        body_slots: ``(M, T)`` int8.
        label: Class index.
        attributes: As for ``StoreWriter.add``.
    """

    name: str
    keypoint: np.ndarray
    body_slots: np.ndarray
    label: int
    attributes: Mapping[str, object]


class RawItem(NamedTuple):
    """What is read at once.

    Attributes:
        group: Items of one group come into one shard; a name for files.
        files: The files that are read; the first one names the item.
        options: What else the reader needs, as text.
    """

    group: str
    files: tuple[Path, ...]
    options: str = ""


# Clips of an item, and faults that cost single clips of it.
Reader = Callable[[RawItem], tuple[list[RawClip], list[BadFileError]]]


class Fault(NamedTuple):
    """Why a file, or a clip of it, is left out."""

    kind: str
    file: str
    reason: str


def find_files(root: Union[str, Path], suffix: str) -> list[Path]:
    """Sorted files under a folder, through links too.

    Raises:
        DataError: The folder does not exist, or there is no such file.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"the folder {root} does not exist")
    found, zips, seen = [], 0, set()
    for folder, inner, names in os.walk(root, followlinks=True):
        stat = os.stat(folder)
        if (stat.st_dev, stat.st_ino) in seen:  # a link to a folder that was met already
            inner.clear()
            continue
        seen.add((stat.st_dev, stat.st_ino))
        found += [Path(folder, name) for name in names if name.lower().endswith(suffix)]
        zips += sum(name.lower().endswith(".zip") for name in names)
    if not found:
        hint = f"; there are {zips} .zip files, unpack them first" if zips else "; is this the right folder?"
        raise DataError(f"no {suffix} file under {root}{hint}")
    return sorted(found)


@contextmanager
def conversion(
    out: Union[str, Path], report: Report, max_bad_share: float, **store: Any
) -> Iterator[tuple[StoreWriter, Path]]:
    """What a conversion needs around it: a store to fill, a folder for the shards, and the report in the end.

    Args:
        out: The folder to make.
        report: To be filled inside the block.
        max_bad_share: A larger share of faulty files is an error; the report then goes to ``OUT.report.json``.
        store: Arguments of ``StoreWriter``.

    Returns:
        The store, and the folder of the shards, which is kept until the store is there.

    Raises:
        DataError: The folder exists, no clip is left, or too many files are faulty.
    """
    out = Path(out)
    parts = out.with_name(f".{out.name}.parts")
    remove_abandoned(out)
    with StoreWriter(out, **store) as writer:
        yield writer, parts
        report.stored = len(writer)
        faulty = len({fault.file for fault in report.faults})
        share = faulty / report.found
        if share > max_bad_share or not report.stored:
            beside = out.with_name(f"{out.name}.report.json")
            beside.write_text(report.to_json())
            text = f"{faulty} of {report.found} files are faulty, max_bad_share={max_bad_share} allows less"
            raise DataError(
                f"{report.to_text()}\n{text if report.stored else 'no clip is left to be stored'}; see {beside}"
            )
        writer.text("report.json", report.to_json())
    shutil.rmtree(parts, ignore_errors=True)


def convert(
    items: Sequence[RawItem], read: Reader, store: StoreWriter, root: Union[str, Path], parts: Path, workers: int = 1
) -> list[Fault]:
    """Read all items and add their clips to a store, in the order of the items.

    Args:
        items: Sorted by group.
        read: A function of a module, so that other processes find it.
        store: A new store; the caller finishes it.
        root: Faults name files below it.
        parts: Folder of the shards; the caller removes it when the store is finished.
        workers: Processes.

    Returns:
        What was left out, in the order of the items.

    Raises:
        DataError: A process died, or the disk is full.
    """
    faults: list[Fault] = []
    shards = _make_shards(items, read, Path(root), parts, workers)
    for shard in tqdm(shards, desc="write the store", unit="shard", **_bar()):
        for content in _load_shard(shard):
            if isinstance(content, Fault):
                faults.append(content)
            else:
                store.add(content.name, content.keypoint, content.label, content.body_slots, **content.attributes)
    return faults


def _make_shards(items: Sequence[RawItem], read: Reader, root: Path, parts: Path, workers: int) -> list[Path]:
    parts.mkdir(parents=True, exist_ok=True)
    groups = {name: list(group) for name, group in groupby(items, key=lambda item: item.group)}
    shards = {name: parts / f"{name}-{_fingerprint(group, read, root)}.npz" for name, group in groups.items()}
    todo = [name for name, shard in shards.items() if not shard.exists()]
    done = len(items) - sum(len(groups[name]) for name in todo)
    if done:
        print(f"going on: {done} of {len(items)} files were read before")
    bar = tqdm(total=len(items), initial=done, desc="read", unit="file", **_bar())
    left_out = 0
    with bar:
        tasks = {name: (read, groups[name], root, shards[name]) for name in todo}
        for name, faults in _run(tasks, min(workers, len(todo))):
            left_out += faults
            bar.set_postfix({"left out": left_out}, refresh=False)
            bar.update(len(groups[name]))
    return list(shards.values())


def _run(tasks: Mapping[str, tuple], workers: int) -> Iterator[tuple[str, int]]:
    """Write shards; gives each group's name and number of faults as it is ready."""
    if workers <= 1:
        _keep_freed_memory()
        for name, task in tasks.items():
            yield name, _write_shard(*task)
        return
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"  # fork: nothing to import again
    context = multiprocessing.get_context(method)
    pool = ProcessPoolExecutor(workers, context, _start_worker, (os.getpid(),))
    try:
        names = {pool.submit(_write_shard, *task): name for name, task in tasks.items()}
        for future in as_completed(names):
            yield names[future], future.result()
    except BrokenProcessPool as error:
        raise DataError(
            "a reading process died, perhaps for want of memory; run the same command again, with fewer --workers"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)  # on Ctrl-C: what has begun takes a second at most


def _start_worker(parent: int) -> None:
    """Ctrl-C is the parent's; a worker whose parent was killed ends by itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _keep_freed_memory()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _keep_freed_memory() -> None:
    """Free a large block: from then on glibc keeps smaller ones. Page faults are else up to half of a reader's time."""
    bytes(1 << 24)


def _fingerprint(group: Iterable[RawItem], read: Reader, root: Path) -> str:
    digest = hashlib.sha1(f"{_VERSION} {read.__module__}.{read.__qualname__}\n".encode())
    for item in group:
        for file in item.files:
            try:
                stat = file.stat()
                state = f"{stat.st_size} {stat.st_mtime_ns}"
            except OSError:
                state = "cannot be read"
            digest.update(f"{file.relative_to(root)} {state}\n".encode("utf-8", "surrogateescape"))
        digest.update(item.options.encode())
    return digest.hexdigest()[:16]


def _write_shard(read: Reader, items: Sequence[RawItem], root: Path, path: Path) -> int:
    """Read items into a shard; gives the number of faults."""
    clips: list[RawClip] = []
    faults: list[Fault] = []
    for item in items:
        shown = item.files[0].relative_to(root).as_posix()
        try:
            good, bad = read(item)
        except BadFileError as error:
            good, bad = [], [error]
        clips += good
        faults += [Fault(error.kind, shown, error.reason) for error in bad]
    rows = [clip.keypoint.reshape(-1, *clip.keypoint.shape[2:]) for clip in clips]
    facts = {"faults": faults, "clips": [(clip.name, clip.label, clip.attributes) for clip in clips]}
    try:
        with atomic_path(path) as temporary:
            np.savez(
                temporary,
                rows=np.concatenate(rows) if rows else np.zeros(0, np.float32),
                slots=np.concatenate([clip.body_slots.ravel() for clip in clips]) if clips else np.zeros(0, np.int8),
                shapes=np.array([clip.body_slots.shape for clip in clips], dtype=np.int64).reshape(-1, 2),
                facts=np.array(json.dumps(facts)),
            )
    except OSError as error:
        raise DataError(f"cannot write {path}: {error}; with space there, run the same command again") from error
    return len(faults)


def _load_shard(path: Path) -> Iterator[Union[RawClip, Fault]]:
    try:
        with np.load(path, allow_pickle=False) as shard:
            rows, slots, shapes, facts = (shard[key] for key in ("rows", "slots", "shapes", "facts"))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is damaged ({error}); remove it and run the same command again") from error
    content = json.loads(str(facts))
    at = 0
    for (persons, frames), (name, label, attributes) in zip(shapes.tolist(), content["clips"]):
        part, at = slice(at, at + persons * frames), at + persons * frames
        keypoint = rows[part].reshape(persons, frames, *rows.shape[1:])
        yield RawClip(name, keypoint, slots[part].reshape(persons, frames), label, attributes)
    for fault in content["faults"]:
        yield Fault(*fault)


def _bar() -> dict:
    """On a terminal a bar that moves, in a log file a line now and then."""
    return {"mininterval": 0.2 if sys.stderr.isatty() else 20}


def remove_abandoned(store: Path) -> None:
    """Remove the unfinished copies that killed processes of this machine left beside a store."""
    for part in store.parent.glob(f".{store.name}.*.part"):
        try:
            os.kill(int(part.suffixes[-2][1:]), 0)
        except (ProcessLookupError, ValueError):
            shutil.rmtree(part, ignore_errors=True)
        except OSError:  # someone else's, and alive
            pass


class Report:
    """What became of the raw files, as ``report.json`` and as text.

    Args:
        dataset: The data set.
        raw: The folder of the raw files.
        found: Number of files.

    Attributes:
        stored: Number of clips in the store.
        left_out: Files that are left out as they should be, by reason.
        faults: Files, or clips of them, that cannot be used.
        splits: Expected and found number of clips by split; ``None`` where nothing is published.
        notes: Whatever else is to be known.
    """

    def __init__(self, dataset: str, raw: Union[str, Path], found: int) -> None:
        self.dataset, self.raw, self.found = dataset, str(raw), found
        self.stored = 0
        self.left_out: dict[str, list[str]] = {}
        self.faults: list[Fault] = []
        self.splits: dict[str, tuple[Optional[int], int]] = {}
        self.notes: list[str] = []

    def to_json(self) -> str:
        """The content of ``report.json``; the same for the same raw files."""
        dropped: dict[str, list[dict[str, str]]] = {}
        for fault in self.faults:
            dropped.setdefault(fault.kind, []).append({"file": fault.file, "reason": fault.reason})
        content = {
            "dataset": self.dataset,
            "raw": self.raw,
            "found": self.found,
            "stored": self.stored,
            "left_out": {reason: {"count": len(names), "files": names} for reason, names in self.left_out.items()},
            "dropped": {kind: {"count": len(files), "files": files} for kind, files in sorted(dropped.items())},
            "splits": {split: {"expected": a, "found": b} for split, (a, b) in self.splits.items()},
            "notes": self.notes,
        }
        return json.dumps(content, indent=1)

    def to_text(self) -> str:
        """A summary for the console."""
        lines = [f"{self.dataset}: {self.found} raw files found, {self.stored} clips stored"]
        lines += [f"  left out, {reason}: {len(names)}" for reason, names in self.left_out.items() if names]
        for kind, count in Counter(fault.kind for fault in self.faults).most_common():
            lines.append(f"  DROPPED, {kind}: {count}")
            some = [fault for fault in self.faults if fault.kind == kind]
            lines += [f"    {fault.file}: {fault.reason}" for fault in some[:SHOWN]]
            lines += [f"    ... and {count - SHOWN} more, all in the report"] * (count > SHOWN)
        if self.splits:
            lines.append("  clips (expected/found):")
            for split, (expected, found) in self.splits.items():
                mark = "" if expected in (None, found) else "  <- not as published"
                lines.append(f"    {split:<20} {'?' if expected is None else expected}/{found}{mark}")
        return "\n".join(lines + [f"  note: {note}" for note in self.notes])


def run_tool(convert: Callable[[], Report], out: Path, config: str = "aimclr/aimclr_stgcn_{}_xsub") -> int:
    """What the converters' command lines share: run, print the outcome, tell the next step.

    Args:
        convert: Makes the store ``out``.
        out: The store.
        config: What to train next, ``{}`` for the data set's name.

    Returns:
        The exit code.
    """
    try:
        report = convert()
    except MMSyncError as error:
        print(error)
        return 1
    except OSError as error:
        print(f"{error.filename or out}: {error.strerror or error}; can RAW_DIR be read and OUT be written?")
        return 1
    except KeyboardInterrupt:
        print("\nstopped; what was read is kept: give the same command to go on")
        return 130
    print(report.to_text())
    print(f"store: {out}, {sum(file.stat().st_size for file in out.iterdir()) / 1e6:.1f} MB; report: {out}/report.json")
    place = "" if out.resolve() == Path("data", report.dataset).resolve() else f" --cfg-options data_root={out}"
    print(f"next: python tools/train.py configs/{config.format(report.dataset)}.py{place}")
    return 0
