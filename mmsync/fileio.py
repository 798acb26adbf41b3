"""Atomic writes, locks and other file operations."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Union

from mmsync.errors import DataError

try:
    import fcntl
except ImportError:  # Windows: without locks, processes that start together all do the same work
    fcntl = None  # type: ignore[assignment]


@contextmanager
def atomic_path(path: Union[str, Path]) -> Iterator[Path]:
    """Yield a temporary path of the same suffix, renamed to ``path`` when the block succeeds; makes the folder."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())  # write the content to disk before the name
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Union[str, Path], text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def one_writer(path: Union[str, Path]) -> Iterator[None]:
    """Let one process at a time write ``path``; check first inside the block whether another has written it."""
    path = Path(path)
    with open(path.with_name(f".{path.name}.lock"), "wb") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                from mmengine.logging import print_log  # imports torch, which `mmsync --help` does without

                print_log(f"waiting for another process to write {path}", logger="current")
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def reserve(path: Union[str, Path]) -> None:
    """Allocate the disk space of a sparse file, or raise ``OSError``: writing to a memory map would raise SIGBUS."""
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, os.path.getsize(path))
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # not supported by the file system
                    raise


def remove_leftovers(folder: Union[str, Path]) -> None:
    """Remove temporary files of killed processes from a folder."""
    for leftover in Path(folder).glob(".*.*.tmp*"):
        leftover.unlink(missing_ok=True)


def data_path(path: Union[str, Path]) -> Path:
    """Where a file or folder of data is: as given from the current folder, else under ``MMSYNC_DATA_ROOT``.

    There a leading ``data`` is left out: ``data/sbu`` of the configs is ``$MMSYNC_DATA_ROOT/sbu``. A path that is in
    neither place is returned as given.
    """
    places = _data_places(path)
    return next((place for place in places if place.exists()), places[0])


def not_found(path: Union[str, Path]) -> str:
    """The places in which :func:`data_path` has looked for missing data, as words of a message."""
    places = [str(place.absolute()) for place in _data_places(path)]
    if Path(path).expanduser().is_absolute():
        return f"{places[0]} does not exist"
    root = "under MMSYNC_DATA_ROOT" + (f" ({places[1]})" if places[1:] else ", which is not set")
    written = next(
        (p for p in (Path(path), *Path(path).parents) if p.name in ("synthetic_av", "synthetic_tvhid")), None
    )
    made = "" if written is None else f"; `mmsync make_synthetic {written.name[10:]} {written}` writes it"
    return f"{path} is neither in the current folder ({places[0]}) nor {root}{made}"


def _data_places(path: Union[str, Path]) -> list[Path]:
    path, root = Path(path).expanduser(), os.environ.get("MMSYNC_DATA_ROOT")
    below = path.parts[1:] if path.parts[:1] == ("data",) else path.parts
    return [path] if path.is_absolute() or not root else [path, Path(root, *below).expanduser()]


_PACKAGE = Path(__file__).parent
_CHECKOUT = (_PACKAGE.parent / "model-index.yml").is_file()
SHIPPED = _PACKAGE.parent if _CHECKOUT else _PACKAGE / ".mim"  # setup.py copies these folders into a wheel
CONFIGS, TOOLS = SHIPPED / "configs", SHIPPED / "tools"


def shipped_configs() -> dict[str, Path]:
    """Shipped experiments by the name of their file; of two with the same name the one in the outer folder."""
    files = [
        path for path in CONFIGS.rglob("*.py") if not {"_base_", "benchmarks"} & {*path.relative_to(CONFIGS).parts}
    ]
    return {path.stem: path for path in sorted(files, key=lambda path: (-len(path.parts), path))}


def config_path(name: Union[str, Path]) -> Path:
    """Where a config is: as given from the current folder, else the shipped one of that name.

    The name of a shipped config is its path in ``configs``, with or without ``configs/`` or ``mmsync::`` before it, or
    the name of the file alone. ``.py`` may be left out. A name that is in neither place is returned as given.
    """
    given = Path(str(name).removeprefix("mmsync::")).expanduser()
    inner = Path(*given.parts[given.parts[:1] == ("configs",) :])
    places = [path for place in (given, CONFIGS / inner) for path in (place, Path(f"{place}.py"))]
    if len(inner.parts) == 1 and (known := shipped_configs().get(inner.name.removesuffix(".py"))):
        places.append(known)
    return next((path for path in places if path.is_file()), given)


def is_config(name: Union[str, Path]) -> bool:
    """Whether a path or a name is that of a config rather than of a checkpoint."""
    return config_path(name).suffix in (".py", ".json", ".yaml", ".yml")


WEIGHTS = _PACKAGE / "weights"  # of models that the package ships, ``motion_s.pth`` for ``motion-s``


def shipped_weights() -> list[str]:
    """Names of the models whose weights the package ships."""
    return sorted(path.stem.replace("_", "-") for path in WEIGHTS.glob("*.pth"))


def weights_path(name: Union[str, Path]) -> Path:
    """Where a checkpoint is: as given from the current folder, else the shipped weights of that name."""
    given, shipped = Path(name).expanduser(), WEIGHTS / f"{str(name).replace('-', '_')}.pth"
    return shipped if not given.exists() and given.name == str(name) and shipped.is_file() else given


def find_files(root: Union[str, Path], suffixes: Union[str, tuple[str, ...]], what: str) -> list[Path]:
    """Sorted files below a folder, also through links, by lower-case suffix; ``DataError`` if there are none."""
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{root} is a file, wanted a folder" if root.exists() else f"the folder {root} does not exist")
    found, zips, seen = [], 0, set()
    for folder, inner, names in os.walk(root, followlinks=True):
        stat = os.stat(folder)
        if (stat.st_dev, stat.st_ino) in seen:  # a link to a folder that was visited before
            inner.clear()
            continue
        seen.add((stat.st_dev, stat.st_ino))
        found += [Path(folder, name) for name in names if name.lower().endswith(suffixes)]
        zips += sum(name.lower().endswith(".zip") for name in names)
    if not found:
        hint = f"there are {zips} .zip files, unpack them first" if zips else "is this the right folder?"
        ends = f" (suffixes {' '.join(suffixes)})" if isinstance(suffixes, tuple) else ""
        raise DataError(f"no {what} under {root}{ends}; {hint}")
    return sorted(found)


def read_text(path: Union[str, Path]) -> str:
    """The text of a file in UTF-8, with or without a byte order mark; a ``DataError`` if it cannot be read."""
    try:
        return data_path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8 ({error}); save it as UTF-8") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def numbered_lines(path: Union[str, Path]) -> list[tuple[int, str]]:
    """Numbered, stripped, non-empty lines of a text file, ending in LF, CRLF or CR; see :func:`read_text`."""
    return [(number, line.strip()) for number, line in enumerate(read_text(path).splitlines(), 1) if line.strip()]
