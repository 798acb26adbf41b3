"""Show the clips of a config: as read, after the pipeline, and the views of the method, side by side.

Of pairs the tracks of a sample are shown one below the other with their times, in sync or out of sync, spread over the
kinds of pairs; of videos the window that is read; of sequences the joints and the views, in strips above a bar of their
phases.

    mmsync browse CONFIG [--number 5] [--mode original transformed views]
        [--format gif|mp4|png] [--index 3 8 | --name CLIP ...] [--out-dir FOLDER]

Left limbs are blue, right ones red; further persons have colors of their own. ``png`` is a strip of frames.
"""

from __future__ import annotations

import argparse
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import numpy as np
from tqdm import tqdm

from mmsync.apis.cli import add_common_arguments, load_config, require, run_tool
from mmsync.errors import ConfigError, did_you_mean, nearest

if TYPE_CHECKING:
    from mmsync.structures import View
    from mmsync.visualization import Panel

MODES = ("original", "transformed", "views")
WINDOW = re.compile(r"(.+?)\.(\d+)@(-?\d+)(?:-|$)")  # video, person and first frame in a sample's windows


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="config file")
    parser.add_argument("--mode", nargs="+", choices=MODES, help="what to show (default: all that the config has)")
    parser.add_argument("--phase", choices=["train", "val", "test"], default="train", help="whose data loader")
    parser.add_argument("--number", type=int, default=5, help="clips, evenly spread over the data set")
    parser.add_argument("--index", type=int, nargs="+", help="these clips, by their place in the data set")
    parser.add_argument("--name", nargs="+", help="these clips, by name")
    parser.add_argument("--format", choices=["gif", "mp4", "png"], default="gif")
    parser.add_argument("--out-dir", help="folder (default: <work dir>/clips)")
    parser.add_argument("--fps", type=float, default=20.0, help="frames a second")
    parser.add_argument("--frames", type=int, help="frames of the film or strip (default: the longest clip's, or 8)")
    parser.add_argument("--azimuth", type=float, default=25.0, help="degrees of the camera beside the front view")
    parser.add_argument("--elevation", type=float, default=10.0, help="degrees that the camera is raised")
    parser.add_argument("--seed", type=int, help="of the views (default: 0)")
    add_common_arguments(parser)
    return parser.parse_args()


def build_dataset(cfg: Any, phase: str) -> Any:
    """The clips of a data loader; of a data set that repeats or joins others, the first of them.

    Raises:
        ConfigError: There is no such loader, or its data set gives no raw clips.
    """
    from mmsync.registry import DATASETS

    settings = require(cfg, f"{phase}_dataloader", "looking at clips")["dataset"]
    while "dataset" in settings or "datasets" in settings:
        settings = settings.get("dataset") or settings["datasets"][0]
    settings = {key: value for key, value in settings.items() if key != "cache"}  # only some clips are packed
    return DATASETS.build(settings)


def build_preprocessor(cfg: Any, seed: int, needed: bool) -> Optional[Any]:
    """The data preprocessor, making joints whatever its stream is; ``None`` if it makes no views.

    Raises:
        ConfigError: Views were asked for.
    """
    from mmsync.registry import MODELS

    settings = (cfg.get("model") or {}).get("data_preprocessor") or {}
    if not settings.get("views"):
        if needed:
            raise ConfigError(
                f"--mode views: model.data_preprocessor.views is not set in {cfg.filename}; "
                "use --mode original transformed"
            )
        return None
    if "stream" in settings:
        settings = {**settings, "stream": "joint"}  # bones and motion cannot be drawn as bodies
    return MODELS.build({**settings, "seed": seed})


def choose(dataset: Any, args: argparse.Namespace) -> list[int]:
    """Indices of the clips that the arguments name.

    Raises:
        ConfigError: There is no such clip.
    """
    count = len(dataset)
    if args.name:
        place = {name: i for i, name in enumerate(dataset.names)}
        for name in args.name:
            if name not in place:
                hint = did_you_mean(nearest(name, place))
                raise ConfigError(f"--name {name}: no such clip among {count}{hint or f', for example {min(place)!r}'}")
        return [place[name] for name in args.name]
    if args.index:
        for index in args.index:
            if not -count <= index < count:
                raise ConfigError(f"--index {index}: the data set has {count} clips, 0 to {count - 1}")
        return [index % count for index in args.index]
    spread = np.unique(np.linspace(0, count - 1, min(args.number, count)).round().astype(int))
    if hasattr(dataset, "drawn"):  # samples of all kinds
        spread = np.argsort(dataset.drawn()[1], kind="stable")[spread]
    return spread.tolist()


def shown_sample(
    dataset: Any, index: int, preprocessor: Optional[Any], modes: list[str], angles: dict[str, float]
) -> tuple[list[Any], str, str]:
    """Rows (``Panel`` or ``Strip``) of a sample of pairs or videos, its title, and the title's color.

    Raises:
        ConfigError: The samples are neither skeletons nor pictures.
    """
    batch, modality = dataset.__getitems__([index]), dataset.source.modality
    if modality == "sequence":
        return sequence_rows(dataset, index, preprocessor, modes, angles)
    if modality not in ("skeleton", "video") or modality not in batch["inputs"]:
        raise ConfigError(f"{type(dataset).__name__}: samples of {modality} are neither skeletons nor pictures to show")
    sample = batch["data_samples"][0]
    shown = {} if modes == ["views"] else {"": batch["inputs"][modality]}
    if preprocessor is not None and "views" in modes:
        preprocessor.step.fill_(index)
        shown.update(preprocessor(batch, training=True)["inputs"])
    windows = [
        (f"person {person} of {video}", int(start))
        for video, person, start in WINDOW.findall(sample.get("windows", ""))
    ]
    rows = [row for name, view in shown.items() for row in rows_of(dataset, view.take(0), name, windows, angles)]
    title = class_of(dataset, int(sample.gt_label))
    if "positive" not in sample:
        return rows, f"{sample.name}: {title}", "black"
    state = ("out of sync", "in sync")[sample.positive]
    return rows, f"{state} ({sample.kind} pair): {title}", ("tab:red", "tab:green")[sample.positive]


def sequence_rows(
    dataset: Any, index: int, preprocessor: Optional[Any], modes: list[str], angles: dict[str, float]
) -> tuple[list[Any], str, str]:
    """Panels of a sequence and its views, its title, and the title's color.

    Raises:
        ConfigError: The sequences have no joints, or none of a known layout.
    """
    from mmsync.visualization import read_clip
    from mmsync.visualization.sequences import clip_panel

    clip = read_clip(dataset, index)
    if clip.joints is None:
        raise ConfigError(f"{type(dataset).__name__}: sequences without joints of a known layout cannot be shown")
    clips = {} if modes == ["views"] else {f"as read, {len(clip)} frames": clip}
    if preprocessor is not None and "views" in modes:
        preprocessor.step.fill_(index)
        for name, view in preprocessor(dataset.__getitems__([index]), training=True)["inputs"].items():
            valid = view.valid[0]
            at = view.index[0][valid].long().clamp(0, len(clip) - 1).numpy()
            phase = None if clip.phase is None else clip.phase[at]
            title = f"{name}, {len(at)} frames from {at.min()} to {at.max()}"
            clips[title] = replace(clip, frames=view.data[0][valid].numpy(), phase=phase)
    rows = [clip_panel(one, title, **angles) for title, one in clips.items()]
    if modes != ["views"]:
        rows[0].scale = "original"  # views are normalized
    return rows, clip.title, "black"


def class_of(dataset: Any, label: int) -> str:
    """A label in words."""
    classes = dataset.metainfo["classes"]
    return classes[label] if classes and label >= 0 else f"class {label}" if label >= 0 else "unknown class"


def rows_of(dataset: Any, view: View, name: str, windows: list[tuple[str, int]], angles: dict[str, float]) -> list[Any]:
    """A row for each track of a sample's view: skeletons ``(K, T, V, C)``, crops ``(K, T, S, S, C)`` or a window."""
    from mmsync.visualization import Panel, Strip, find_camera

    fps = getattr(dataset, "fps", None) or dataset.source.fps
    places = windows or [("window", 0)]
    tracks = np.asarray(view.data) if windows else np.asarray(view.data)[None]
    together = len({start for _, start in windows}) == 1
    rows: list[Any] = []
    for (who, start), one in zip(places, tracks):
        skeleton = dataset.source.modality == "skeleton"
        one = one if skeleton or one.shape[-1] in (2, 3) else np.moveaxis(one, 0, -1)  # views have channels first
        frames = np.arange(len(one)) if view.index is None else np.asarray(view.index)[: len(one)]
        times = (start + frames) / fps
        title = f"{who}, {times.min():.2f} to {times.max():.2f} s" + f", view {name}" * bool(name)
        if skeleton:
            layout, num_coords = dataset.source.layout, min(dataset.source.num_coords, one.shape[-1])
            eye = find_camera(tracks if together else one[None], layout, num_coords, **angles)
            rows.append(Panel(one[None], layout, title, eye, times=times))
        else:
            rows.append(Strip(one, title, times))
    return rows


def panels_of(
    dataset: Any, index: int, preprocessor: Optional[Any], modes: list[str], angles: dict[str, float]
) -> list[Panel]:
    """The panels of one clip."""
    from mmsync.datasets.collate import motion_collate
    from mmsync.visualization import Panel, find_camera

    raw = dataset.raw(index)
    panels = []
    if "original" in modes:
        clip, num_coords = raw["keypoint"], dataset.source.num_coords
        eye = find_camera(clip, raw["layout"], num_coords, raw["person_mask"], **angles)
        title = f"as read, {clip.shape[1]} frames"
        panels.append(Panel(clip, raw["layout"], title, eye, raw["person_mask"], scale="original"))
    if modes == ["original"]:
        return panels
    batch = motion_collate([dataset[index]])
    sample = batch["inputs"]["skeleton"].take(0)
    clip, mask = sample.data.numpy(), sample.present.numpy()
    num_coords = min(dataset.source.num_coords, clip.shape[-1])
    eye = find_camera(clip, dataset.layout, num_coords, mask, **angles)  # one for all, so that turns are seen
    if "transformed" in modes:
        panels.append(Panel(clip, dataset.layout, f"pipeline, {clip.shape[1]} frames", eye, mask))
    if preprocessor is not None and "views" in modes:
        preprocessor.step.fill_(index)  # the same views, whichever other clips are shown
        layout = dataset.layout
        if getattr(preprocessor, "body_frame", False):  # what is augmented
            layout, framed = preprocessor.out_layout, next(iter(preprocessor(batch)["inputs"].values()))
            clip = framed.data[0].numpy()
            eye = find_camera(clip, layout, preprocessor.out_coords, framed.present[0].numpy(), **angles)
        moved = np.ptp(clip, axis=1).any(axis=-1)
        moved &= moved[:, list(layout.flip_index)]  # a view may have swapped left and right
        for name, view in preprocessor(batch, training=True)["inputs"].items():
            panels.append(view_panel(view, name, layout, eye, moved))
    return panels


def view_panel(view: View, name: str, layout: Any, eye: np.ndarray, moved: np.ndarray) -> Panel:
    """A view ``(1, M, T, V, C)``. Joints that moved ``(M, V)`` in the clip but stand still here are masked ones."""
    from mmsync.visualization import Panel

    data = view.data[0].numpy()
    mask = None if view.present is None else view.present[0].numpy()
    masked = ~np.ptp(data, axis=1).any(axis=-1) & moved
    lost = int(masked[slice(None) if mask is None else mask].sum())
    title = f"{name}, {data.shape[1]} frames" + (f", {lost} masked" if lost else "")
    return Panel(data, layout, title, eye, mask, masked)


def main(args: argparse.Namespace) -> None:
    import torch
    from mmengine.registry import init_default_scope

    from mmsync.config import check

    if args.number < 1 or (args.frames is not None and args.frames < 1):
        raise ConfigError(f"--number {args.number}, --frames {args.frames}: give at least 1")
    cfg = load_config(args)
    check(cfg, files=True)
    init_default_scope(cfg.default_scope)
    modes = args.mode or list(MODES)
    preprocessor = build_preprocessor(cfg, args.seed or 0, needed="views" in (args.mode or []))
    dataset = build_dataset(cfg, args.phase)
    if not hasattr(dataset, "raw") and args.mode is None:
        views = ["views"] * (dataset.source.modality == "sequence")
        modes = ["original", *views]  # views of pictures are their augmented copies; --mode views shows them
    chosen = choose(dataset, args)
    folder = Path(args.out_dir or Path(cfg.work_dir) / "clips")
    started = time.perf_counter()
    with torch.no_grad():
        for index in tqdm(chosen, desc="clips", disable=None):
            draw(dataset, index, preprocessor, modes, folder, args)
    took = (time.perf_counter() - started) / len(chosen)
    print(f"{len(chosen)} clips, {took:.2f} s each: {folder}")


def draw(
    dataset: Any, index: int, preprocessor: Optional[Any], modes: list[str], folder: Path, args: argparse.Namespace
) -> None:
    """Write the film or the strip of one clip."""
    from mmsync.visualization import Strip, draw_pictures, draw_strip, render, render_pictures, write_film

    angles = {"azimuth": args.azimuth, "elevation": args.elevation}
    name, color = dataset.names[index], "black"
    if hasattr(dataset, "raw"):
        panels = panels_of(dataset, index, preprocessor, modes, angles)
        title = f"{name}: {class_of(dataset, int(dataset.labels[index]))}"
    else:
        panels, title, color = shown_sample(dataset, index, preprocessor, modes, angles)
        name = f"{index}_{dataset.drawn()[1][index]}_{name}" if hasattr(dataset, "drawn") else name
    path = folder / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', name)}.{args.format}"
    strips = isinstance(panels[0], Strip)
    if args.format == "png":
        (draw_pictures if strips else draw_strip)(panels, path, title, args.frames or 8, color)
    else:
        films = render_pictures if strips else render
        write_film(films(panels, title, args.frames, color=color), path, args.fps)


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
