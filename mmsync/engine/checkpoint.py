"""Reading, writing, listing and matching of checkpoints."""

from __future__ import annotations

import hashlib
import pickle
import re
import shutil
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any, ClassVar, Union
from urllib.parse import unquote, urlsplit

import torch
from torch import nn
from tqdm import tqdm

from mmsync import compat
from mmsync.errors import CheckpointError, ConfigError, did_you_mean, nearest
from mmsync.fileio import atomic_path, config_path, one_writer, remove_leftovers, shipped_weights, weights_path
from mmsync.store.cache import cache_root
from mmsync.version import __version__

FORMAT = 1  # of the checkpoints that are written; a later one is refused
_RAW = ("state_dict", "ema_state_dict")  # tensors only, and torch keeps metadata on the dict itself
_PERIODIC = re.compile(r"(epoch|iter)_(\d+)\.pth")
_CHECKSUM = re.compile(r"-(?!20\d{6}\.)([0-9a-f]{8,64})\.[\w.]+$")  # of a file's name; -20240131 is a date


def write_checkpoint(checkpoint: dict[str, Any], path: Union[str, Path]) -> None:
    """Write a checkpoint in MMEngine's form, whole or not at all: a CheckpointError names what is kept."""
    plain = {key: value if key in _RAW else compat.to_plain(value, key) for key, value in checkpoint.items()}
    try:
        with atomic_path(path) as temporary:
            torch.save(plain, temporary)
    except (OSError, RuntimeError) as error:  # torch's writer raises RuntimeError for a full disk
        folder = Path(path).parent
        kept = [file for file in folder.glob("*.pth") if not file.name.startswith((".", "best_"))]
        last = max(kept, key=lambda file: file.stat().st_mtime, default=None)
        free = f"{shutil.disk_usage(folder).free / 2**20:.0f} MiB are free" if folder.is_dir() else "no such folder"
        why = str(error).splitlines()[0] if isinstance(error, OSError) else "is there no space, or no quota, left?"
        text = f"{last.name} is kept: free space and continue with --resume" if last else "none is saved yet"
        raise CheckpointError(f"checkpoint {path} cannot be written ({why}; {free}); {text}") from error


def read_checkpoint(
    path: Union[str, Path], map_location: Union[str, Callable, torch.device] = "cpu", trust: bool = False
) -> dict[str, Any]:
    """Load a checkpoint, or a bare state dict as one.

    Args:
        path: A file, an address, or the name of shipped weights; see :func:`require_checkpoint`.
        map_location: As in ``torch.load``.
        trust: Whether code in the file may run.

    Returns:
        dict: MMEngine's form, with at least ``state_dict``.

    Raises:
        CheckpointError: There is no such file, or it is damaged, no checkpoint, of a newer format, or would run code.
    """
    path = require_checkpoint(path)
    try:
        content = torch.load(path, map_location, weights_only=not trust)
    except pickle.UnpicklingError as error:
        if "weights_only" not in str(error) and "Weights only" not in str(error):
            raise CheckpointError(_damaged(path)) from error
        text = "could run code while they load; if you trust its source, add --trust-checkpoint (or trust=True)"
        raise CheckpointError(f"checkpoint {path} holds Python objects that {text}") from error
    except Exception as error:  # torch raises many kinds of errors for damaged files
        raise CheckpointError(_damaged(path)) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"checkpoint {path} holds a {type(content).__name__}, not a dict of weights")
    if "state_dict" not in content:
        content = {"state_dict": content}
    meta = content.get("meta")
    if isinstance(meta, Mapping) and isinstance(meta.get("format"), int) and meta["format"] > FORMAT:
        theirs = f"mmsync {meta.get('mmsync_version', '?')} in format {meta['format']}"
        text = f"was written by {theirs}; this is mmsync {__version__}, which reads format {FORMAT}: update mmsync"
        raise CheckpointError(f"checkpoint {path} {text}")
    return {key: value if key in _RAW else compat.from_plain(value) for key, value in content.items()}


def require_checkpoint(source: Union[str, Path]) -> Path:
    """Return the file of a checkpoint, whose address is downloaded if need be.

    A name that ends with a part of the file's SHA-256, as in ``motion_s-1a2b3c4d.pth``, is compared with the file.

    Args:
        source: A path, the name of shipped weights, such as ``motion-s``, or an address (``https://``, ``file://``). A
            download is kept in ``checkpoints`` of the cache folder (``MMSYNC_CACHE``), once it is whole and verified.

    Raises:
        CheckpointError: There is no such file, it cannot be downloaded, is no checkpoint, or differs from its checksum.
    """
    parts = urlsplit(str(source))
    if "://" not in str(source):
        path = weights_path(source)
    elif parts.scheme == "file":
        path = Path(urllib.request.url2pathname(parts.path))
    else:
        path = _downloaded(str(source), unquote(parts.path))
    if path.is_dir():
        inside = ", ".join(sorted(p.name for p in path.glob("*.pth"))[:8])
        raise CheckpointError(f"checkpoint {path} is a folder, which has {inside or 'no .pth files'}; name a file")
    if not path.is_file():
        names = sorted(p.name for p in path.parent.glob("*.pth")) if path.parent.is_dir() else []
        beside = f"; {path.parent} has {', '.join(names[:8])}" if names else ""
        hint = did_you_mean(nearest(str(source), shipped_weights()))
        if config_path(str(source)).is_file():
            hint = "; there is a config of this name, which has no weights"
        raise CheckpointError(f"checkpoint {path}: there is no such file{hint or beside}")
    _verify(path, path.name, str(path))
    return path


def _downloaded(address: str, name: str) -> Path:
    """The file of an address in the cache: whole, verified, and renamed only then."""
    folder = cache_root() / "checkpoints" / hashlib.sha1(address.encode()).hexdigest()[:12]
    path = folder / (Path(name).name or "checkpoint")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with one_writer(path):
            if path.exists():
                return path
            remove_leftovers(folder)
            with atomic_path(path) as temporary:
                with urllib.request.urlopen(address, timeout=60) as response, open(temporary, "wb") as file:
                    size = int(response.headers.get("Content-Length") or 0)
                    with tqdm.wrapattr(response, "read", size, desc=path.name, delay=2, disable=None) as stream:
                        shutil.copyfileobj(stream, file)
                if (got := temporary.stat().st_size) < size:
                    raise OSError(f"the connection ended after {got} of {size} bytes; try again")
                _verify(temporary, path.name, address)
    except (OSError, HTTPException, ValueError) as error:
        text = f"{error}; check the address, or fetch the file yourself and give its path"
        raise CheckpointError(f"checkpoint {address} cannot be downloaded to {folder}: {text}") from error
    return path


def _verify(path: Path, name: str, source: str) -> None:
    """Raise a ``CheckpointError`` for a file that is no checkpoint, or not the one whose checksum is in its name."""
    _refuse_foreign(path, source)
    if match := _CHECKSUM.search(name):
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        if not (found := digest.hexdigest()).startswith(match[1]):
            text = f"its SHA-256 begins with {found[: len(match[1])]}, its name promises {match[1]}"
            local = "delete it and fetch it again, or rename it if its name ends with no checksum"
            advice = "nothing is kept" if "://" in source else local
            raise CheckpointError(f"checkpoint {source} is damaged or another file: {text}; {advice}")


def _refuse_foreign(path: Path, source: str) -> None:
    """Raise a ``CheckpointError`` that says what a file is, if it is neither an archive nor a pickle."""
    with path.open("rb") as file:
        start = file.read(4096)
    if start.startswith((b"PK", b"\x80")) or b"ustar" in start:
        return
    try:
        text = "" if b"\0" in start else start.decode("utf-8", "ignore" if len(start) == 4096 else "strict")
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise CheckpointError(_damaged(path, source))
    kinds = {".py": "a Python file, as configs are", ".md": "a text document", ".json": "a JSON file"}
    kind = kinds.get(path.suffix, "a text file")
    if text.startswith("version https://git-lfs"):
        kind = "a pointer of Git LFS, whose file was not downloaded (git lfs pull)"
    elif text.lstrip()[:1] == "<":
        kind = "a page of HTML or XML, as failed downloads leave"
    advice = "give a file of weights (.pth), as training writes epoch_*.pth and best_*.pth to its work dir"
    raise CheckpointError(f"checkpoint {source} is {kind}; {advice}")


def list_checkpoints(work_dir: Union[str, Path], every: int = 1) -> list[Path]:
    """List ``epoch_*.pth``, then ``iter_*.pth``, in order of training; every n-th, counted back from the last."""
    if every < 1:
        raise ConfigError(f"every={every}: give 1 for all checkpoints, n for every n-th")
    found = [(_PERIODIC.fullmatch(path.name), path) for path in Path(work_dir).expanduser().glob("*.pth")]
    ordered = sorted((match[1], int(match[2]), path) for match, path in found if match)
    if not ordered:
        raise CheckpointError(f"{work_dir}: no epoch_*.pth or iter_*.pth in this folder; is it the work dir of a run?")
    return [path for *_, path in ordered[::-1][::every][::-1]]


def _damaged(path: Path, source: str = "") -> str:
    text = f"checkpoint {source or path} is damaged or truncated ({path.stat().st_size} bytes)"
    others = (p for p in path.parent.glob("*.pth") if p != path)
    for other in sorted(others, key=lambda p: (not p.name.startswith("best_"), p.stat().st_mtime), reverse=True):
        try:
            whole = "optimizer" in torch.load(other, "cpu", weights_only=True) or other.name.startswith("best_")
        except Exception:  # damaged, or of another project: try the next
            continue
        if whole:
            more = "" if other.name.startswith("best_") else f"; a training goes on from it by --resume {other}"
            return f"{text}. The newest intact one in its folder is {other}{more}"
    return f"{text}, and its folder holds no intact checkpoint"


@dataclass(frozen=True)
class StateMatch:
    """Comparison of the keys of a checkpoint and a model."""

    LEAST: ClassVar[float] = 0.9  # smallest share of all names that must match if none is of a backbone
    matched: list[str]  # in both, with equal shapes
    missing: list[str]  # in the model only
    unexpected: list[str]  # in the checkpoint only
    reshaped: list[str]  # in both with different shapes, as ``key: (model shape) <- (file shape)``
    backbone: float  # matched share of the backbones' keys, in [0, 1]; of all keys if no key names a backbone
    unfit: list[str] = field(default_factory=list)  # of these three, those of the model's backbones

    def table(self) -> str:
        """All keys that do not match, by group."""
        lines = [f"{len(self.matched)} tensors matched, {self.backbone:.0%} of the backbone"]
        for name, keys in self._groups():
            lines += [f"{len(keys)} {name}:", *(f"    {key}" for key in keys)]
        return "\n".join(lines)

    def brief(self) -> str:
        """One line with the count and an example of each group."""
        text = f"{len(self.matched)} tensors matched ({self.backbone:.0%} of the backbone)"
        return text + "".join(f", {len(keys)} {name} (e.g. {keys[0]})" for name, keys in self._groups())

    def problem(self, partial: bool = False) -> str:
        """Why the weights are not the model's, or an empty text; ``partial`` accepts a backbone that fits in part."""
        if self.backbone > 0 and (partial or not (self.unfit or self.backbone < self.LEAST)):
            return ""
        wrong = "; ".join(
            f"{len(keys)} {name} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"
            for name, keys in self._groups(self.unfit)
        )
        return (
            f"{self.backbone:.0%} of the backbone match, and {wrong}. Is the config, with the backbone's layout, "
            "in_channels and widths, the one that the checkpoint was trained with? load_partial=True (--cfg-options "
            "load_partial=True) accepts a part of the backbone"
        )

    def _groups(self, only: Sequence[str] = ()) -> list[tuple[str, list[str]]]:
        groups = {"missing": self.missing, "unexpected": self.unexpected, "of another shape": self.reshaped}
        chosen = {name: [key for key in keys if not only or key in only] for name, keys in groups.items()}
        return [(name, keys) for name, keys in chosen.items() if keys]


def match_state(model: nn.Module, state_dict: Mapping[str, Any]) -> StateMatch:
    """Compare a state dict by names and shapes with a model that is not wrapped; it may be on the meta device."""
    own = model.state_dict()
    shapes = {key: tuple(getattr(value, "shape", ())) for key, value in state_dict.items()}
    same = {k for k, v in own.items() if hasattr(state_dict.get(k), "shape") and shapes[k] == tuple(v.shape)}
    missing = [k for k in own if k not in state_dict]
    # files of torch before 0.4 have no batch counters
    needed = [k for k in own if k in state_dict or not k.endswith("num_batches_tracked")]
    places = {_backbone_of(key) for key in own} - {""}
    backbone = [key for key in needed if _backbone_of(key)] or needed
    unexpected = [k for k in state_dict if k not in own]
    reshaped = [f"{k}: {tuple(own[k].shape)} <- {shapes[k]}" for k in own if k in shapes and k not in same]
    return StateMatch(
        matched=[k for k in own if k in same],
        missing=missing,
        unexpected=unexpected,
        reshaped=reshaped,
        backbone=sum(k in same for k in backbone) / max(len(backbone), 1),
        unfit=[
            text
            for text in (*missing, *unexpected, *reshaped)
            if _backbone_of(text.split(":")[0]) in places and not text.endswith("num_batches_tracked")
        ],
    )


def _backbone_of(key: str) -> str:
    """Place of the backbone that a weight is of, such as ``encoder.backbone``; empty for one of no backbone."""
    parts = key.split(".")
    return ".".join(parts[: parts.index("backbone") + 1]) if "backbone" in parts else ""


def load_weights(
    model: nn.Module,  # the model, not wrapped
    state_dict: dict[str, torch.Tensor],  # the weights
    source: str,  # name of their source, for messages
    strict: bool = False,  # refuse any difference
    revise_keys: Sequence[tuple[str, str]] = ((r"^module\.", ""),),  # for the names
    partial: bool = False,  # accept backbones that match in part
    evaluate: bool = False,  # refuse weights that lack what predictions need, such as the head of a classifier
) -> StateMatch:
    """Load the weights that match a model; refuse those of another model, which stays unchanged."""
    for pattern, replacement in revise_keys:
        state_dict = {re.sub(pattern, replacement, key): value for key, value in state_dict.items()}
    adapt = getattr(model, "adapt_state_dict", None)
    if adapt is not None:
        state_dict = dict(adapt(state_dict))
    for name, module in model.named_modules():
        fit = getattr(module, "fit_state_dict", None)
        if fit is not None:
            state_dict = fit(state_dict, f"{name}." if name else "")
    match = match_state(model, state_dict)
    problem = match.problem(partial)
    if not problem and strict and (match.missing or match.unexpected or match.reshaped):
        problem = f"{match.brief()}; all must match to resume"
    lacking = [k for k in (*match.missing, *match.reshaped) if k.startswith(getattr(model, "predicts_with", ()))]
    if not problem and evaluate and lacking and not partial:
        text = f"{len(lacking)} weights ({lacking[0]}, ...), without which a {type(model).__name__} predicts nothing"
        advice = "train them first, with load_from or mmsync benchmark, and evaluate the checkpoint of that training"
        raise CheckpointError(f"{source} lacks {text}: {advice}")
    if problem:
        raise CheckpointError(f"the weights in {source} are of another model than {type(model).__name__}: {problem}")
    model.load_state_dict({k: state_dict[k] for k in match.matched}, strict=False)
    return match
