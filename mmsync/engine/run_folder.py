"""The folder of a training. One run owns it: no other writes its checkpoints, bests and logs into it."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional, Union

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.logging import print_log

from mmsync.errors import ConfigError

try:
    import fcntl
except ImportError:  # Windows: without locks, only trainings of one process exclude each other
    fcntl = None  # type: ignore[assignment]

LOCK = ".run.lock"
_CHECKPOINT = re.compile(r"(epoch|iter|best)_.+\.pth")
_LOG_FOLDER = re.compile(r"\d{8}_\d{6}.*")  # named by the time of the start
_owned: set[Path] = set()  # by trainings of this process, which the lock does not keep apart


def check_folder(path: Any) -> None:
    """Raise a ConfigError unless ``path`` is a folder that can be written, or can become one."""
    if not isinstance(path, (str, os.PathLike)) or not str(path):
        raise ConfigError(f"work_dir: is {path!r}, must be the path of a folder")
    folder = Path(path).absolute()
    above = next(one for one in (folder, *folder.parents) if one.exists())
    if not above.is_dir():
        raise ConfigError(f"work_dir: {folder} cannot be a folder, {above} is a file; give another --work-dir")
    if not os.access(above, os.W_OK | os.X_OK):
        raise ConfigError(f"work_dir: {folder}: no permission to write in {above}; give another --work-dir")


def make_folder(path: Any) -> None:
    """Make a work dir, or raise a ConfigError."""
    check_folder(path)
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"work_dir: {path} cannot be made: {error}; give another --work-dir") from error


def require_free(
    path: Union[str, Path], resume: bool = False, load_from: Optional[str] = None, overwrite: bool = False
) -> None:
    """Raise a ConfigError if a folder has checkpoints of a run that a training neither continues nor overwrites."""
    check_folder(path)
    found = _checkpoints(path)
    start = Path(str(load_from or "")).expanduser().resolve()
    if overwrite and resume:
        raise ConfigError("--resume continues the run in the work dir, --overwrite removes it; give one of them")
    if overwrite and load_from and start in (file.resolve() for file in found):
        raise ConfigError(f"--overwrite would remove load_from={load_from}; train in another --work-dir")
    if overwrite or not found or (resume and not load_from):
        return
    last = max(found, key=lambda file: file.stat().st_mtime)
    text = f"{path} has the checkpoints of another run ({len(found)}, the last is {last.name})"
    if not resume:
        advice = "or replace it with --overwrite (cfg.overwrite=True), which removes its checkpoints and logs"
        raise ConfigError(f"{text}. Continue it with --resume, train elsewhere with --work-dir DIR, {advice}")
    if start.parent not in {Path(path).resolve(), *(file.resolve().parent for file in found)}:
        raise ConfigError(f"{text}; continue that of {load_from} in another folder, with --work-dir DIR")


@contextmanager
def own_folder(
    path: Union[str, Path], log_dir: str, resume: bool = False, load_from: Optional[str] = None, overwrite: bool = False
) -> Iterator[None]:
    """Own a work dir during a training. The main process decides, and all agree: every rank has to call this.

    Args:
        path: The work dir.
        log_dir: Folder in it of the logs of this training, which is removed if the training is refused.
        resume: Whether the training continues the run in the folder.
        load_from: Checkpoint to start from, if one is given.
        overwrite: Whether to remove checkpoints and logs of a former run.

    Raises:
        ConfigError: A training is running in the folder, or one has left checkpoints there.
    """
    lock = _Lock(Path(path).resolve())
    problem: list[Optional[str]] = [None]
    try:
        if is_main_process():
            try:
                lock.take(log_dir)
                require_free(path, resume, load_from, overwrite)
                _clear(Path(path), log_dir, resume and not load_from, overwrite)
            except ConfigError as error:
                shutil.rmtree(log_dir, ignore_errors=True)
                problem = [str(error)]
        broadcast_object_list(problem)
        if problem[0] is not None:
            raise ConfigError(problem[0])
        yield
    finally:
        lock.release()


class _Lock:
    """A lock that the system releases when its process ends, however it does; data loading workers do not hold it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file: Any = None

    def take(self, log_dir: str) -> None:
        if self.folder in _owned:
            raise ConfigError(f"{self.folder}: a training of this process is running in this folder")
        file = open(self.folder / LOCK, "a+", encoding="utf-8")  # noqa: SIM115 - held until release()
        try:
            if fcntl is not None:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                raise ConfigError(_busy(self.folder, file)) from error
            print_log(f"{self.folder}: no locks on this file system ({error}); train one run in it", "current", 30)
        self.file = file
        _owned.add(self.folder)
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%F %T"), "logs": log_dir}
        file.truncate(0)
        file.write(json.dumps(owner))
        file.flush()

    def release(self) -> None:
        if self.file is not None:
            _owned.discard(self.folder)
            self.file.close()
            self.file = None


def _busy(folder: Path, file: Any) -> str:
    file.seek(0)
    try:
        owner = json.loads(file.read())
        who = f" since {owner['since']}, process {owner['pid']} on {owner['host']}"
    except (ValueError, LookupError, TypeError):  # it has just begun
        who = ""
    finally:
        file.close()
    return f"{folder}: another training is running in this folder{who}; wait for its end, or use another --work-dir"


def _checkpoints(path: Union[str, Path]) -> list[Path]:
    """The checkpoints of a run in its work dir, and the one that ``last_checkpoint`` names, wherever it is."""
    folder = Path(path)
    found = [file for file in folder.glob("*.pth") if _CHECKPOINT.fullmatch(file.name)]
    pointer = folder / "last_checkpoint"
    if pointer.is_file():
        last = Path(pointer.read_text(encoding="utf-8").strip())
        found += [last] if last.is_file() and not any(last.samefile(file) for file in found) else []
    return found


def _clear(folder: Path, log_dir: str, resume: bool, overwrite: bool) -> None:
    """Remove the former run, or what remains of one that was killed before its first checkpoint to resume from."""
    if overwrite or (resume and not (folder / "last_checkpoint").is_file()):
        for file in _checkpoints(folder):
            if file.resolve().parent == folder.resolve():  # a copied folder's pointer names a file of the original
                file.unlink()
        (folder / "last_checkpoint").unlink(missing_ok=True)
    for old in folder.iterdir() if overwrite else ():
        if old.is_dir() and _LOG_FOLDER.fullmatch(old.name) and old.name != Path(log_dir).name:
            shutil.rmtree(old, ignore_errors=True)
