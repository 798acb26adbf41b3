"""People of the synthetic world on video, in files like those of TV Human Interaction; partners move in step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from mmsync.converters.tvhid_file import CLASS_NAMES, LABELS, SPLITS
from mmsync.errors import ConfigError, DataError
from mmsync.fileio import atomic_path
from mmsync.media.reader import require
from mmsync.media.write import INSTALL, write_video
from mmsync.worlds import kinematics as body
from mmsync.worlds.actions import ACTIONS, INTERACTIONS
from mmsync.worlds.stick_people import Camera, render, upper_body_boxes
from mmsync.worlds.world import NUM_VIEWS, SyntheticWorld

VIDEO_FOLDER, ANNOTATION_FOLDER = "tv_human_interactions_videos", "tv_human_interaction_annotations"
RATE = 25
_ROUND = [*INTERACTIONS, "negative", "negative"]  # the classes in the order of clips
_ALONE = [name for name, action in ACTIONS.items() if action.persons == 1]
_WORLD = [*INTERACTIONS, *_ALONE]
_SLOTS = np.array([-1.35, 0.0, 1.35])  # meters aside, where people stand who do not interact


class Scene(NamedTuple):
    """The course of a clip."""

    people: np.ndarray  # (P, T, 25, 3) meters in the camera's frame
    ids: list[int]  # (P,) their numbers in the annotation
    pair: tuple[int, ...]  # Numbers of those who interact, none in a negative clip
    interval: tuple[int, int]  # First frame of the interaction, and the one after the last


def write_tvhid(
    source: Any, folder: Path, size: Sequence[int] = (240, 320), num_frames: Sequence[int] = (60, 110)
) -> list[Path]:
    """Write TV Human Interaction: AVI files, ``.annotations`` with squares about upper bodies, official names.

    Training clips have names of set 1, test clips of set 2, and no person is in both. A stopped run is resumed.

    Args:
        source: The synthetic source, for its seed, its people, its noise and the number of clips (150 and 150 at most).
        folder: The folder to write into; its two folders are returned.
        size: Height and width of the pictures, even.
        num_frames: Shortest and longest clip, at 25 frames a second.
    """
    require("av", INSTALL)
    counts = [len(source.splits[split]) for split in ("train", "test")]
    _check(source, counts, size, num_frames)
    jobs = [(part, *clip) for part, count in enumerate(counts) for clip in _names(f"set{part + 1}", count)]
    world, noise = source.world, source.world.noise
    readme = f"Synthetic people: seed {world.seed}, {size=}, {num_frames=}, {noise=}, {world.num_performers=}\n"
    videos, annotations = _open_folder(folder, readme, {name for _, _, name in jobs})
    longest = round(1.3 * num_frames[1])  # enough frames for a high pace
    camera_range = (40, 140), 5.0, 3.0, (3, 4)
    stage = SyntheticWorld(world.seed, _WORLD, world.num_performers, (longest, longest), None, 0.0, *camera_range)
    for part, index, name in tqdm(jobs, desc="write TV-HID", unit="clip", disable=None):
        video, annotation = videos / f"{name}.avi", annotations / f"{name}.annotations"
        if video.exists() and annotation.exists():
            continue
        rng = np.random.default_rng(np.random.SeedSequence(world.seed, spawn_key=(7, part, index)))
        focal = size[1] * rng.uniform(0.75, 1.0)
        center = (size[1] * rng.uniform(0.44, 0.56), size[0] * rng.uniform(0.38, 0.5))
        camera = Camera(focal, center, (size[0], size[1]))
        frames, kind = int(rng.integers(num_frames[0], num_frames[1] + 1)), name.split("_")[0]
        scene = _scene(rng, stage, part, index, kind, frames)
        pictures = render(rng, camera, scene.people, 4.0 * noise)
        with atomic_path(video) as temporary:
            # every frame is a key frame of one quality: else the encoder's rhythm would reveal which frames match
            write_video(temporary, pictures, RATE, options={"g": "1", "qmin": "4", "qmax": "4"})
        with atomic_path(annotation) as temporary:
            temporary.write_text(_annotation(scene, camera, LABELS[CLASS_NAMES.index(kind)]))
    return [videos, annotations]


def _check(source: Any, counts: Sequence[int], size: Sequence[int], num_frames: Sequence[int]) -> None:
    if source.layout.name != "ntu25" or source.class_names != list(ACTIONS):
        raise DataError("tvhid takes neither --actions nor --layout: its five classes and its bodies are fixed")
    if max(counts) > len(SPLITS["set1"]):
        raise DataError(f"tvhid: {counts} clips for training and test; each set has {len(SPLITS['set1'])} names")
    if any(side % 2 or side < 32 for side in size) or not 2 <= num_frames[0] <= num_frames[1]:
        raise ConfigError(f"tvhid: size {tuple(size)} must be even, 32 or more; num_frames {tuple(num_frames)} a range")


def _open_folder(folder: Path, readme: str, names: set[str]) -> tuple[Path, Path]:
    """The folders of videos and annotations, new or made before with the same arguments."""
    if (folder / "readme.txt").exists() and (folder / "readme.txt").read_text() != readme:
        raise DataError(f"{folder} was made with other arguments ({folder}/readme.txt); give another folder")
    videos, annotations = folder / VIDEO_FOLDER, folder / ANNOTATION_FOLDER
    for place in (videos, annotations):
        place.mkdir(parents=True, exist_ok=True)
    more = sorted({path.stem for path in folder.glob("*/[!.]*_*.a*")} - names)
    if more:
        text = f"{len(more)} clips beyond the {len(names)} that are requested, such as {more[0]}"
        raise DataError(f"{folder} holds {text}; request as many as it was made with, or give another folder")
    (folder / "readme.txt").write_text(readme)
    return videos, annotations


def _names(split: str, count: int) -> list[tuple[int, str]]:
    """Index and name of the first clips of a set, the classes in turn."""
    left = {kind: iter([name for name in SPLITS[split] if name.startswith(f"{kind}_")]) for kind in CLASS_NAMES}
    return [(index, next(left[_ROUND[index % len(_ROUND)]])) for index in range(count)]


def _scene(rng: np.random.Generator, world: SyntheticWorld, part: int, index: int, kind: str, frames: int) -> Scene:
    first, many = sum(world.num_performers[:part]), world.num_performers[part]
    performers = first + rng.permutation(many)
    view = int(rng.integers(NUM_VIEWS))
    middle = np.array([rng.uniform(-0.3, 0.3), 0.0, rng.uniform(3.2, 4.2)])
    people: list[np.ndarray] = []
    alone = rng.choice((1, 2, 2, 2, 3)) if kind == "negative" else rng.choice((0, 0, 0, 1, 1))
    slots = rng.permutation(len(_SLOTS))[:alone]
    if kind != "negative":
        distance = INTERACTIONS[kind].distance
        clip = world.clip(part, 8 * index, _WORLD.index(kind), performers[0], performers[1 % many], view).keypoint
        clip = _at_pace(rng, clip, frames, whole=True)
        center = clip[:, :, body.SPINE_BASE].mean(1)
        apart = center - center.mean(0)
        wider = distance / np.linalg.norm(apart[0] - apart[1]) - 1
        clip = clip + (apart * wider - center.mean(0) + middle)[:, None, None]
        people += list(clip)
        slots = rng.permutation((0, 2))[:alone]
    for k, slot in enumerate(slots):
        label = _WORLD.index(_ALONE[rng.integers(len(_ALONE))])
        who = performers[(2 + k) % many]
        clip = world.clip(part, 8 * index + 1 + k, label, who, -1, int(rng.integers(NUM_VIEWS))).keypoint
        clip = _at_pace(rng, clip, frames, whole=not ACTIONS[_WORLD[label]].rate)[0]
        reach = 1.0 if kind == "negative" else 1.25
        place = middle + (reach * _SLOTS[slot] + rng.uniform(-0.1, 0.1), 0, rng.uniform(-0.2, 0.3))
        people.append(clip + place - clip[:, body.SPINE_BASE].mean(0))
    scene = np.stack(people)
    scene[..., 1] -= scene[:, :, body.SPINE_SHOULDER, 1].mean() - rng.uniform(-0.1, 0.1)
    ids = list(range(len(people)))
    if len(ids) > 1 and rng.random() < 0.15:
        ids[1:] = [number + 1 for number in ids[1:]]  # someone was annotated and deleted again
    ids = [ids[k] for k in rng.permutation(len(ids))]
    pair = () if kind == "negative" else (ids[0], ids[1])
    return Scene(scene, ids, pair, (round(0.08 * frames), round(0.92 * frames)))


def _at_pace(rng: np.random.Generator, clip: np.ndarray, frames: int, whole: bool) -> np.ndarray:
    """A clip ``(P, N, 25, 3)`` in ``frames`` frames, alternately slow and fast, the same for all people."""
    steps = rng.integers(6, 16, frames // 6 + 2)
    slow, fast = rng.uniform(0.4, 0.8, len(steps)), rng.uniform(1, 1.6, len(steps))
    speeds = np.where((np.arange(len(steps)) + rng.integers(2)) % 2, slow, fast)
    pace = np.interp(np.arange(frames), steps.cumsum() - steps[0], speeds)
    at = np.concatenate([[0], pace.cumsum()[:-1]])
    last = clip.shape[1] - 1
    at = at * (last / max(at[-1], 1e-6)) if whole or at[-1] > last else at
    low = np.minimum(at.astype(int), last - 1)
    share = (at - low)[:, None, None]
    return clip[:, low] * (1 - share) + clip[:, low + 1] * share


def _annotation(scene: Scene, camera: Camera, label: str) -> str:
    boxes = upper_body_boxes(camera, scene.people)
    heads = _heads(scene.people)
    height, width = camera.size
    x, y, side = np.moveaxis(boxes, -1, 0)
    inside = (x < width) & (y < height) & (x + side > 0) & (y + side > 0)
    begin, end = scene.interval
    lines = [f"#num_frames: {boxes.shape[1]}"]
    for t in range(boxes.shape[1]):
        seen = [p for p in np.argsort(scene.ids) if inside[p, t]]
        active = bool(scene.pair) and begin <= t < end and {scene.ids[p] for p in seen} >= set(scene.pair)
        lines.append(f"#frame: {t}  #num_bbxs: {len(seen)}")
        if active:
            lines[-1] += "  #interacting: {} - {}".format(*scene.pair)
        for p in seen:
            does = label if active and scene.ids[p] in scene.pair else LABELS[0]
            lines.append(" ".join([str(scene.ids[p]), *map(str, boxes[p, t]), does, heads[p, t]]))
    return "\n".join(lines) + "\n"


def _heads(people: np.ndarray) -> np.ndarray:
    """Directions of faces, ``(P, T)`` words of the annotation."""
    left = people[:, :, body.LEFT_SHOULDER] - people[:, :, body.RIGHT_SHOULDER]
    forward = np.cross(left, (0.0, 1.0, 0.0))
    forward /= np.linalg.norm(forward, axis=-1, keepdims=True)
    side = np.where(forward[..., 0] > 0, "left", "right").astype(object)  # x runs to the left of the picture
    kind = np.where(forward[..., 2] < -0.5, "frontal_", "profile_").astype(object)
    return np.where(forward[..., 2] > 0.7, "backwards", kind + side)
