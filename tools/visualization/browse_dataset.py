"""Look at the clips of a config: as read, after the pipeline, and the views that the method gets, side by side.

    python tools/visualization/browse_dataset.py CONFIG [--number 5] [--mode original transformed views]
        [--format gif|mp4|png] [--index 3 8 | --name CLIP ...] [--out-dir FOLDER]

Left limbs are blue, right ones red; further persons have colours of their own. ``png`` is a strip of frames.
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path
from typing import Any, Optional

import numpy as np
import torch
from mmengine.registry import init_default_scope
from tqdm import tqdm

from mmsync.apis.cli import add_common_arguments, load_config, require, run_tool
from mmsync.config import check
from mmsync.datasets.collate import motion_collate
from mmsync.errors import ConfigError, did_you_mean, nearest
from mmsync.registry import DATASETS, MODELS
from mmsync.structures import View
from mmsync.visualization import Panel, draw_strip, find_camera, render, write_film

MODES = ("original", "transformed", "views")


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
    parser.add_argument("--seed", type=int, default=0, help="of the views")
    add_common_arguments(parser)
    return parser.parse_args()


def build_dataset(cfg: Any, phase: str) -> Any:
    """The clips of a data loader; of a data set that repeats or joins others, the first of them.

    Raises:
        ConfigError: There is no such loader, or its data set gives no raw clips.
    """
    settings = require(cfg, f"{phase}_dataloader", "looking at clips")["dataset"]
    while "dataset" in settings or "datasets" in settings:
        settings = settings.get("dataset") or settings["datasets"][0]
    settings = {key: value for key, value in settings.items() if key != "cache"}  # only some clips are packed
    dataset = DATASETS.build(settings)
    if not hasattr(dataset, "raw"):
        raise ConfigError(f"{phase}_dataloader.dataset: {type(dataset).__name__} has no raw clips of skeletons to show")
    return dataset


def build_preprocessor(cfg: Any, seed: int, needed: bool) -> Optional[Any]:
    """The data preprocessor, making joints whatever its stream is; ``None`` if it makes no views.

    Raises:
        ConfigError: Views were asked for.
    """
    settings = (cfg.get("model") or {}).get("data_preprocessor") or {}
    if not settings.get("views"):
        if needed:
            raise ConfigError(
                f"--mode views: model.data_preprocessor.views is not set in {cfg.filename}; "
                "use --mode original transformed"
            )
        return None
    return MODELS.build({**settings, "stream": "joint", "seed": seed})


def choose(dataset: Any, args: argparse.Namespace) -> list[int]:
    """Places in the data set of the clips that were asked for.

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
    return np.unique(np.linspace(0, count - 1, min(args.number, count)).round().astype(int)).tolist()


def panels_of(
    dataset: Any, index: int, preprocessor: Optional[Any], modes: list[str], angles: dict[str, float]
) -> list[Panel]:
    """What is to be seen of one clip."""
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
        moved = np.ptp(clip, axis=1).any(axis=-1)
        moved &= moved[:, list(dataset.layout.flip_index)]  # a view may have swapped left and right
        for name, view in preprocessor(batch, training=True)["inputs"].items():
            panels.append(view_panel(view, name, dataset.layout, eye, moved))
    return panels


def view_panel(view: View, name: str, layout: Any, eye: np.ndarray, moved: np.ndarray) -> Panel:
    """A view ``(1, M, T, V, C)``. Joints that moved ``(M, V)`` in the clip but stand still here are masked ones."""
    data = view.data[0].numpy()
    mask = None if view.present is None else view.present[0].numpy()
    masked = ~np.ptp(data, axis=1).any(axis=-1) & moved
    lost = int(masked[slice(None) if mask is None else mask].sum())
    title = f"{name}, {data.shape[1]} frames" + (f", {lost} masked" if lost else "")
    return Panel(data, layout, title, eye, mask, masked)


def main(args: argparse.Namespace) -> None:
    if args.number < 1 or (args.frames is not None and args.frames < 1):
        raise ConfigError(f"--number {args.number}, --frames {args.frames}: give at least 1")
    cfg = load_config(args)
    check(cfg, files=True)
    init_default_scope(cfg.default_scope)
    modes = args.mode or list(MODES)
    preprocessor = build_preprocessor(cfg, args.seed, needed="views" in (args.mode or []))
    dataset = build_dataset(cfg, args.phase)
    chosen = choose(dataset, args)
    folder = Path(args.out_dir or Path(cfg.work_dir) / "clips")
    classes = dataset.metainfo["classes"]
    angles = {"azimuth": args.azimuth, "elevation": args.elevation}
    started = time.perf_counter()
    for index in tqdm(chosen, desc="clips", disable=None):
        panels = panels_of(dataset, index, preprocessor, modes, angles)
        name, label = dataset.names[index], int(dataset.labels[index])
        title = f"{name}: {classes[label] if classes and label >= 0 else f'class {label}' if label >= 0 else 'unknown'}"
        path = folder / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', name)}.{args.format}"
        if args.format == "png":
            draw_strip(panels, path, title, args.frames or 8)
        else:
            write_film(render(panels, title, args.frames), path, args.fps)
    took = (time.perf_counter() - started) / len(chosen)
    print(f"{len(chosen)} clips, {took:.2f} s each: {folder}")


if __name__ == "__main__":
    arguments = parse_args()
    with torch.no_grad():
        run_tool(main, arguments)
