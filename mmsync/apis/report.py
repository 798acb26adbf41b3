"""A report of runs: one HTML page with curves, features, neighbors, pictures and configs, which needs no network."""

from __future__ import annotations

import base64
import json
import math
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from mmengine.config import Config
from scipy.stats import binomtest
from tqdm import tqdm

from mmsync import __version__
from mmsync.apis.neighbors import ClipNeighbors, find_neighbors
from mmsync.config import load
from mmsync.config.text import RESOLVED
from mmsync.engine.checkpoint import list_checkpoints
from mmsync.errors import DataError, MMSyncError
from mmsync.fileio import write_text
from mmsync.media.pictures import decode_picture
from mmsync.media.reader import resized
from mmsync.runlog import read_run
from mmsync.structures import PICTURE_LAYOUTS, SkeletonLayout
from mmsync.visualization import embed_2d, find_camera, read_clip

PAGE = Path(__file__).with_name("page")
MOVING_BYTES, PICTURE_BYTES = 2_400_000, 1_200_000  # most of all moving skeletons and of all pictures, before base64
FRAMES, POINTS = (8, 32), 2000  # fewest and most frames of a moving skeleton, most points of a curve
STRIP_BYTES = 1_200_000  # most of all film strips of video, before base64
STRIPS = ((8, 112), (6, 96), (6, 80), (4, 64), (3, 56), (2, 48), (1, 48))  # pictures and their height, the best first
KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif", ".mp4": "video/mp4"}


def write_report(
    folders: Sequence[Union[str, Path]], out: Union[str, Path], features: bool = True, **options: Any
) -> dict[str, Any]:
    """Write the report of runs as one HTML page, and return what it shows; the same runs give the same bytes.

    Args:
        folders: Work dirs of trainings; also folders with the ``results.json`` of a benchmark or a suite.
        out: The page to write.
        features: Load the last checkpoint of each run, for the embedding, the confusion matrix and the neighbors.
        options: Those of :func:`~mmsync.apis.neighbors.find_neighbors`: ``max_clips``, ``seed``, ``device``, ...

    Raises:
        DataError: A folder has no log and no results.
    """
    runs = [run_facts(folder, PICTURE_BYTES // len(folders)) for folder in folders]
    root = os.path.commonpath([Path(folder).resolve().parent for folder in folders])
    for folder, run in zip(folders, runs):
        run["name"] = os.path.relpath(Path(folder).resolve(), root)
        try:
            if run["curves"]:
                cfg = run_config(folder)
                run["config"] = flat(cfg.to_dict())
            if run["curves"] and features:
                last = list_checkpoints(folder)[-1]
                found = find_neighbors(cfg, str(last), **options)
                found = found._replace(note=f"{last.name}: {found.note}")
                run["clips"] = clip_facts(found, 1 / len(runs))
        except MMSyncError as error:
            run["notes"].append(f"left out: {error}")
    data = {"version": __version__, "runs": runs}
    write_text(out, page(data))
    return data


def page(data: dict[str, Any]) -> str:
    """The page with its data, styles and script inside; ``<`` of the data is escaped, so that no text ends a script."""
    html, css, js = ((PAGE / f"report.{name}").read_text(encoding="utf-8") for name in ("html", "css", "js"))
    text = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return html.replace("%css%", css).replace("%js%", js).replace("%data%", text)  # data last: they may hold anything


def run_facts(folder: Union[str, Path], budget: int) -> dict[str, Any]:
    """What the files of a run say: curves, final values, results, and pictures in ``budget`` bytes."""
    folder = Path(folder).resolve()
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "no such folder"
        raise DataError(f"{folder}: {what}; give the work dir of a training")
    own = re.compile(rf"{re.escape(folder.name)}(_(epoch|iter|best)_.+)?")  # folders of tools/benchmark.py
    beside = [file for file in folder.parent.glob("benchmark/*/results.json") if own.fullmatch(file.parent.name)]
    results = [row for file in [*folder.glob("results.json"), *sorted(beside)] for row in _results(file)]
    facts: dict[str, Any] = dict(results=results, curves={}, final={}, config={}, notes=[])
    facts["pictures"] = _pictures(folder, budget, facts["notes"])
    if results and not any(folder.glob("*/vis_data/scalars.json")):  # a suite has logs further below
        return facts
    log = read_run(folder)
    facts.update(unit="epoch" if log.by_epoch else "iteration", notes=facts["notes"] + log.notes)
    for key in log.keys:
        x, y = log.curve(key)
        keep = np.arange(len(x) - 1, -1, -math.ceil(len(x) / POINTS))[::-1]  # the last point always
        facts["curves"][key] = [rounded(x[keep]), rounded(y[keep])]
        if any(key in row for row in log.val):
            facts["final"][key] = rounded([y[-1], np.fmin.reduce(y), np.fmax.reduce(y)])
    return facts


def run_config(folder: Union[str, Path]) -> Config:
    """The resolved config that a run wrote into its folder, or a DataError."""
    files = [file for file in Path(folder).glob("*.py") if file.read_text(encoding="utf-8").startswith(RESOLVED)]
    if not files:
        raise DataError(f"{folder}: the resolved config of the run, a .py file, is not in this folder")
    return load(max(files, key=lambda file: file.stat().st_mtime))


def flat(value: Any, path: str = "") -> dict[str, str]:
    """Values of a config as text, by dotted key; lists are split where they hold dicts."""
    split = isinstance(value, (list, tuple)) and any(isinstance(one, dict) for one in value)
    items = value.items() if isinstance(value, dict) else enumerate(value) if split else ()
    return {k: v for key, one in items for k, v in flat(one, f"{path}{key}.").items()} or {path[:-1]: repr(value)}


def clip_facts(found: ClipNeighbors, part: float) -> dict[str, Any]:
    """Embedding, predictions, neighbors and moving pictures of test clips, these in a ``part`` of the page's bytes."""
    points = embed_2d(found.query.vectors("feature"), "tsne" if len(found.query) > 2 else "pca")
    points -= points.min(0)
    shown, place = np.unique(found.nearest, return_inverse=True)  # the training clips that are a neighbor of any
    sides = dict(query=found.query, bank=found.bank.take(shown))
    count = 1 + max(int(side.numbers("label").max()) for side in sides.values())
    classes = list(found.dataset.metainfo.get("classes") or [f"class {i}" for i in range(count)])
    facts: dict[str, Any] = dict(note=found.note, classes=classes, near=place.reshape(found.nearest.shape).tolist())
    facts["points"] = np.round(1000 * points / max(points.max(), 1e-9)).astype(int).tolist()
    facts["cosine"] = [rounded(row) for row in found.cosine.round(3)]
    if found.votes is not None and found.margin is not None:
        predicted = found.votes.argmax(axis=1)
        share = binomtest(int((predicted == found.labels).sum()), len(predicted))
        facts["top1"] = rounded([100 * p for p in (share.statistic, *share.proportion_ci(method="wilson"))])
        facts.update(predicted=predicted.tolist(), margin=rounded(found.margin))
        pairs = np.bincount(found.labels * len(classes) + predicted, minlength=len(classes) ** 2)
        facts["confusion"] = pairs.reshape(len(classes), -1).tolist()  # rows are true classes
    index = {name: side.numbers("index").tolist() for name, side in sides.items()}
    first, every = joints_of(found.dataset, index["query"][0]), [i for places in index.values() for i in places]
    draw: Any = {}.get  # nothing to show
    if first is not None:
        layout, side_of = first[1], {**dict.fromkeys(first[1].left, -1), **dict.fromkeys(first[1].right, 1)}
        facts["bones"] = [[a, b, side_of.get(a, 0)] for a, b in layout.bones if a != b]
        facts.update(joints=layout.num_joints, head=layout.joints.index("head") if "head" in layout.joints else -1)
        frames = int(np.clip(part * MOVING_BYTES // (len(every) * first[0][:, 0].size), *FRAMES))
        draw = partial(moving_clip, found.dataset, frames=frames)
    elif any(pictures_of(found.dataset, i) is not None for i in index["query"][:4]):
        strips, facts["strips"] = film_strips(found.dataset, every, part * STRIP_BYTES)
        draw = dict(zip(every, strips)).get
    for name, side in sides.items():
        clips = [draw(i) for i in index[name]]
        facts[name] = dict(names=side.texts("name", "?"), labels=side.numbers("label").tolist(), clips=clips)
    return facts


def joints_of(dataset: Any, index: int) -> Optional[tuple[np.ndarray, SkeletonLayout, int]]:
    """Joints ``(M, T, V, C)`` of a sample as it is read, its layout and number of coordinates; ``None`` without."""
    if hasattr(dataset, "raw"):
        raw = dataset.raw(index)
        return raw["keypoint"][np.asarray(raw["person_mask"], dtype=bool)], raw["layout"], dataset.source.num_coords
    if getattr(getattr(dataset, "source", None), "modality", None) == "sequence":
        clip = read_clip(dataset, index)
        if clip.joints is not None and clip.layout is not None:
            return clip.joints[None], clip.layout, 2 if clip.layout.name in PICTURE_LAYOUTS else clip.joints.shape[-1]
    if getattr(getattr(dataset, "source", None), "modality", None) == "skeleton":  # tracks
        return np.asarray(dataset[index]["inputs"]["skeleton"][0]), dataset.source.layout, dataset.source.num_coords
    return None


def pictures_of(dataset: Any, index: int) -> Optional[np.ndarray]:
    """Pictures ``(T, H, W, 3)`` uint8 of a sample, of several tracks side by side; ``None`` without."""
    found = None
    with suppress(MMSyncError):
        found = dataset[index]["inputs"]
    for data, *_ in found.values() if isinstance(found, dict) else ():
        x = np.asarray(data)
        if x.dtype == np.uint8 and x.ndim in (4, 5) and x.shape[-1] == 3:
            return np.concatenate(list(x), axis=-2) if x.ndim == 5 else x
    return None


def film_strip(pictures: np.ndarray, count: int, height: int) -> bytes:
    """``count`` pictures of a clip, of this height, beside each other as a WebP file."""
    import cv2

    at = np.linspace(0, len(pictures) - 1, count).round().astype(int)
    small = [resized(pictures[i], (height, round(height * pictures.shape[2] / pictures.shape[1]))) for i in at]
    return cv2.imencode(".webp", np.concatenate(small, axis=1)[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 50])[1].tobytes()


def film_strips(dataset: Any, indices: Sequence[int], budget: float) -> tuple[list[Optional[int]], list[list[Any]]]:
    """Film strips of samples in ``budget`` bytes: the place of each, and [number of pictures, base64] of all places."""
    read = (pictures_of(dataset, i) for i in tqdm(indices, desc="pictures", disable=None, leave=False))
    found = [None if x is None else film_strip(x, *STRIPS[0]) for x in read]
    place = {strip: i for i, strip in enumerate(dict.fromkeys(x for x in found if x is not None))}
    whole = [np.stack(np.split(decode_picture(strip, "film strip"), STRIPS[0][0], axis=1)) for strip in place]
    for count, height in STRIPS:
        if np.mean([len(film_strip(x, count, height)) for x in whole[::10]]) * len(whole) <= budget:
            break
    code = [[count, base64.b64encode(film_strip(x, count, height)).decode()] for x in whole]
    return [None if x is None else place[x] for x in found], code


def moving_clip(dataset: Any, index: int, frames: int) -> Optional[list[Any]]:
    """Frames, persons, coordinates, and the joints in base64: a byte each, 0 for a missing one; ``None`` if unreadable.

    Joints are turned so that x is to the right, y up and z to the front of the people.
    """
    found = None
    with suppress(MMSyncError):
        found = joints_of(dataset, index)
    if found is None:
        return None
    keypoint, layout, coords = found
    at = np.linspace(0, keypoint.shape[1] - 1, min(frames, keypoint.shape[1])).round().astype(int)
    x = np.nan_to_num(keypoint[:, at].astype(float))
    axes = find_camera(x, layout, coords, azimuth=0, elevation=0)
    seen = np.ptp(x[..., :coords], axis=2, keepdims=True).any(axis=-1) & np.ones(x.shape[:3], dtype=bool)
    if coords == 2 and x.shape[-1] > 2:
        seen &= x[..., 2] > 0  # the detector's score
    if not seen.any():  # a person whose joints are one point is absent
        return None
    if coords == 3:
        axes = np.column_stack([axes, np.cross(axes[:, 0], axes[:, 1])])
    there = seen.any(axis=(1, 2))
    x, seen = (x[..., :coords] @ axes)[there], seen[there]
    low, high = x[seen].min(0), x[seen].max(0)
    code = 128 + 254 * (x - (low + high) / 2) / max((high - low).max(), 1e-9)
    code = np.where(seen[..., None], code.round().clip(1, 255), 0).astype(np.uint8).transpose(1, 0, 2, 3)
    return [len(code), code.shape[1], coords, base64.b64encode(code.tobytes()).decode()]


def rounded(values: Any) -> list[Optional[float]]:
    """Six digits of each value; ``None`` for what is not finite, which JSON does not have."""
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in values]


def _results(file: Path) -> list[dict[str, Any]]:
    """Rows of a table of results: of ``tools/benchmark.py``, or of ``tools/benchmarks/suite.py`` with intervals."""
    rows: list[dict[str, Any]] = []
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        for row in found["rows"] if isinstance(found, dict) else found:
            if "accuracy" in row:
                rows += [dict(of=f"{row['set']}, {row['row']}", what=k, **v) for k, v in row["accuracy"].items()]
            else:
                own = {key: row[key] for key in ("mean", "std", "seeds")}
                rows.append(dict(of=Path(row["checkpoint"]).name, what=row["title"], **own))
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(f"{file}: no results of tools/benchmark.py or of a suite ({error!r})") from error
    return rows


def _pictures(folder: Path, budget: int, notes: list[str]) -> list[dict[str, str]]:
    """Pictures and films of a folder, but the curves, which the page draws itself; ``notes`` name what is too large."""
    pictures = []
    for file in sorted(file for file in folder.iterdir() if file.suffix in KINDS and file.name != "curves.png"):
        budget -= file.stat().st_size
        if budget < 0:
            notes.append(f"{file.name} and what follows is left out: the page has {PICTURE_BYTES:,} bytes for pictures")
            break
        text = base64.b64encode(file.read_bytes()).decode()
        pictures.append(dict(name=file.name, source=f"data:{KINDS[file.suffix]};base64,{text}"))
    return pictures
