"""Write clips of a source as files in the formats of other code bases.

Every writer takes any source whose clips fit its format, and a folder; it returns the paths for the reader.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Callable, NamedTuple, Union

import numpy as np
from tqdm import tqdm

from mmsync.errors import ConfigError, DataError
from mmsync.worlds.audio_visual import write_audio_visual
from mmsync.worlds.ntu_raw import write_ntu_raw
from mmsync.worlds.tvhid_video import write_tvhid

_UCLA_CLASSES, _SBU_CLASSES = 10, 8  # classes of those data sets
_PKU_VIEWS = "LMR"
_PKU_MOST = {1: 363, 2: 26 * 13}  # recordings of a view
_PKU_SPLIT = {1: "cross-subject.txt", 2: "cross_subject_v2.txt"}


def _clips(
    source: Any, indices: Union[Sequence[int], np.ndarray], to: str, persons: int | None = None,
    room: tuple[float, float] = (np.inf, np.inf),
) -> Iterator[tuple[int, np.ndarray]]:  # fmt: skip
    """Index and ``(M, T, V, C)`` of clips that have ``persons``, and room for persons and frames; with a bar."""
    for index in tqdm(indices, desc=f"write {to}", unit="clip", disable=None):
        clip = source.load(int(index))
        if persons is not None and len(clip) != persons:
            text = f"{len(clip)} persons, but {to} holds {persons} in each clip; choose other actions"
            raise DataError(f"{source.names[index]}: {text}")
        if len(clip) > room[0] or clip.shape[1] > room[1]:
            raise DataError(f"{source.names[index]}: {clip.shape} does not fit into {room} persons and frames of {to}")
        yield int(index), clip


def _labels(source: Any, to: str, most: int | None = None, meters: bool = True) -> np.ndarray:
    if meters and source.num_coords != 3:
        raise DataError(f"{to} holds x, y, z in meters, but the source has pixels and score; give num_coords=3")
    if source.labels is None:
        raise DataError(f"{to}: the source has no labels, which this format needs")
    if most is not None and source.labels.max(initial=0) >= most:
        raise DataError(f"{to} knows {most} classes, the source has label {source.labels.max()}; give fewer actions")
    return source.labels


def _parts(source: Any) -> list[np.ndarray]:
    """Indices of the training and of the test clips."""
    place = {name: index for index, name in enumerate(source.names)}
    return [np.array([place[name] for name in source.splits[split]], dtype=int) for split in ("train", "test")]


def write_pyskl(source: Any, folder: Path) -> list[Path]:
    """PYSKL / MMAction2 pickle ``synthetic.pkl``: 3D, or 2D with ``keypoint_score``, as float16."""
    labels, annotations = _labels(source, "PYSKL", meters=False), []
    for index, clip in _clips(source, range(len(source)), "PYSKL"):
        sample = dict(frame_dir=source.names[index], label=int(labels[index]), total_frames=clip.shape[1])
        sample["keypoint"] = clip[..., : source.num_coords].astype(np.float16)
        if source.num_coords == 2:
            size = (1080, 1920)
            sample.update(keypoint_score=clip[..., 2].astype(np.float16), img_shape=size, original_shape=size)
        annotations.append(sample)
    path = folder / "synthetic.pkl"
    with open(path, "wb") as file:
        pickle.dump(dict(split=source.splits, annotations=annotations), file, protocol=4)
    return [path]


def write_aimclr(source: Any, folder: Path, num_frames: int = 300, max_persons: int = 2) -> list[Path]:
    """ST-GCN / AimCLR arrays ``{train,val}_data.npy`` ``(N, 3, num_frames, V, M)``, zero-padded, and ``_label.pkl``."""
    labels, paths, room = _labels(source, "AimCLR"), [], (max_persons, num_frames)
    for part, indices in zip(("train", "val"), _parts(source)):
        shape = (len(indices), 3, num_frames, source.layout.num_joints, max_persons)
        data = np.lib.format.open_memmap(folder / f"{part}_data.npy", mode="w+", dtype=np.float32, shape=shape)
        for row, (_, clip) in enumerate(_clips(source, indices, f"AimCLR {part}", room=room)):
            persons, frames = clip.shape[:2]
            data[row, :, :frames, :, :persons] = clip.transpose(3, 1, 2, 0)
        data.flush()
        names = [source.names[index] for index in indices]
        with open(folder / f"{part}_label.pkl", "wb") as file:
            pickle.dump((names, labels[indices].tolist()), file, protocol=4)
        paths += [folder / f"{part}_data.npy", folder / f"{part}_label.pkl"]
    return paths


def write_ctrgcn(source: Any, folder: Path, num_frames: int = 300, max_persons: int = 2) -> list[Path]:
    """CTR-GCN / MAMP ``synthetic.npz``: ``x_train (N, num_frames, M V 3)``, one-hot ``y_train``, and the test part."""
    labels, room = _labels(source, "CTR-GCN"), (max_persons, num_frames)
    arrays: dict[str, Any] = {}
    classes = len(source.class_names)
    for part, indices in zip(("train", "test"), _parts(source)):
        data = np.zeros((len(indices), num_frames, max_persons, source.layout.num_joints, 3), np.float32)
        for row, (_, clip) in enumerate(_clips(source, indices, f"CTR-GCN {part}", room=room)):
            persons, frames = clip.shape[:2]
            data[row, :frames, :persons] = clip.swapaxes(0, 1)
        arrays[f"x_{part}"] = data.reshape(len(indices), num_frames, -1)
        arrays[f"y_{part}"] = np.eye(classes)[labels[indices]]
    path = folder / "synthetic.npz"
    np.savez(path, **arrays)
    return [path]


def write_nwucla(source: Any, folder: Path) -> list[Path]:
    """NW-UCLA folder: one json a clip, ``label`` from 1, named ``aAA_sSS_eEE_vVV``; one person."""
    labels = _labels(source, "NW-UCLA", _UCLA_CLASSES)
    path = folder / "all_sqe"
    path.mkdir(exist_ok=True)
    for index, clip in _clips(source, range(len(source)), "NW-UCLA", persons=1):
        name, points = source.names[index], np.round(clip[0].astype(float), 6).tolist()
        text = json.dumps(dict(file_name=name, skeletons=points, label=int(labels[index]) + 1))
        (path / f"{name}.json").write_text(text)
    return [path]


def write_sbu(source: Any, folder: Path) -> list[Path]:
    """SBU folder ``sXXsYY/CC/NNN/skeleton_pos.txt``: frame number, then 15 joints of each of two persons.

    As published, x and y run from 0 to 1 over 2.56 m by 1.92 m, y down, and z counts in units of 1.28 m.
    """
    labels = _labels(source, "SBU", _SBU_CLASSES)
    count: dict[Path, int] = {}
    for index, clip in _clips(source, range(len(source)), "SBU", persons=2):
        pair = f"s{source.attributes['subject'][index]:02d}s{source.attributes['partner'][index]:02d}"
        place = folder / pair / f"{labels[index] + 1:02d}"
        count[place] = count.get(place, 0) + 1
        place = place / f"{count[place]:03d}"
        place.mkdir(parents=True)
        rows = ((0.5, 0.5, 0) + clip / (-2.56, -1.92, 1.28)).swapaxes(0, 1).reshape(clip.shape[1], -1)
        table = np.column_stack([np.arange(1, len(rows) + 1), rows])
        np.savetxt(place / "skeleton_pos.txt", table, fmt=["%d"] + ["%.6g"] * rows.shape[1], delimiter=",")
    return [folder]


def write_penn(source: Any, folder: Path) -> list[Path]:
    """Penn Action folder ``labels/NNNN.mat``: pixels and visibility of 13 joints of one person, train flag, box."""
    from scipy.io import savemat

    if source.num_coords != 2:
        raise DataError("Penn Action holds pixels: give a layout of pictures, as penn13, or num_coords=2")
    labels, train = _labels(source, "Penn Action", meters=False), set(source.splits["train"])
    path = folder / "labels"
    path.mkdir(exist_ok=True)
    for index, clip in _clips(source, range(len(source)), "Penn Action", persons=1):
        x, y, score = np.moveaxis(clip[0].astype(float), -1, 0)
        box = np.stack([x.min(1), y.min(1), x.max(1), y.max(1)], axis=1)
        flag = np.array([[1 if source.names[index] in train else -1]], np.int32)
        size, frames = np.array([[1080, 1920, len(x)]], np.uint16), np.array([[len(x)]], np.uint16)
        contents = dict(
            action=source.class_names[labels[index]], pose="front", x=x, y=y, visibility=(score > 0.5).astype(np.uint8),
            train=flag, bbox=box, dimensions=size, nframes=frames,
        )  # fmt: skip
        savemat(path / f"{index + 1:04d}.mat", contents)
    return [path]


def write_store(source: Any, folder: Path) -> list[Path]:
    """mmsync's own memory-mapped store ``synthetic``, with splits, attributes and class names."""
    from mmsync.store.skeletons import StoreWriter

    path = folder / "synthetic"
    with StoreWriter(path, source.layout, source.num_coords, source.class_names, "synthetic") as store:
        for index, clip in _clips(source, range(len(source)), "store"):
            attributes = {key: values[index] for key, values in source.attributes.items()}
            label = -1 if source.labels is None else int(source.labels[index])
            store.add(source.names[index], clip, label, **attributes)
        store.splits = source.splits
    return [path]


def write_pku_raw(source: Any, folder: Path, phase: int = 1, per_recording: int = 10, seed: int = 0) -> list[Path]:
    """Write PKU-MMD: ``skeleton/0002-L.txt`` (150 numbers a frame), ``label/0002-L.txt``, ``cross-subject.txt``.

    Clips of one part and camera follow each other in a recording; in pauses people stand still, or are gone. The source
    has layout ``ntu25``, at most two persons, and the parts ``train`` and ``test`` of the cross-subject protocol. In
    phase 2, names are like ``A01N01-L``.
    """
    if phase not in _PKU_MOST:
        raise ConfigError(f"PKU-MMD: phase {phase}; choose 1 or 2")
    if source.layout.name != "ntu25" or source.num_coords != 3:
        raise DataError(f"PKU-MMD holds ntu25 in meters, but the source has {source.layout}, {source.num_coords}D")
    classes, rng = _labels(source, "PKU-MMD", 51), np.random.default_rng(seed)
    view = source.attributes.get("view", np.ones(len(source.names), dtype=int))
    videos: dict[str, list[str]] = {"train": [], "test": []}
    recordings: list[tuple[str, list[int]]] = []
    for names, clips in zip(videos.values(), _parts(source)):
        for camera, letter in enumerate(_PKU_VIEWS, 1):
            seen = clips[view[clips] == camera]
            for part in np.split(seen, range(per_recording, len(seen), per_recording)):
                if len(part):
                    names.append(_pku_name(phase, len(recordings), letter))
                    recordings.append((names[-1], part.tolist()))
    for kind in ("skeleton", "label"):
        (folder / kind).mkdir()
    for name, part in tqdm(recordings, desc="write PKU-MMD", unit="recording", disable=None):
        frames: list[np.ndarray] = []
        labels: list[str] = []
        for index in part:
            clip = source.load(index)
            if len(clip) > 2:
                raise DataError(f"{source.names[index]}: {len(clip)} persons, but PKU-MMD holds two")
            rows = np.zeros((clip.shape[1], 2, 25, 3))
            rows[:, : len(clip)] = clip.swapaxes(0, 1)
            begin = sum(map(len, frames))
            labels.append(f"{classes[index] + 1},{begin + 1},{begin + len(rows)},1\n")
            frames += [rows, np.repeat(rows[-1:] * (rng.random() < 0.8), rng.integers(5, 30), axis=0)]
        np.savetxt(folder / "skeleton" / f"{name}.txt", np.concatenate(frames).reshape(-1, 150), fmt="%.7g")
        (folder / "label" / f"{name}.txt").write_text("".join(labels))
    lines = ["Training videos:", ", ".join(videos["train"]), "Validation videos:", ", ".join(videos["test"]), ""]
    (folder / _PKU_SPLIT[phase]).write_text("\n".join(lines))
    return [folder]


def _pku_name(phase: int, number: int, view: str) -> str:
    if number >= _PKU_MOST[phase]:
        raise DataError(f"PKU-MMD phase {phase}: more than {_PKU_MOST[phase]} recordings; put more clips in each")
    return f"{number + 2:04d}-{view}" if phase == 1 else f"A{number // 13 + 1:02d}N{number % 13 + 1:02d}-{view}"


class Format(NamedTuple):
    """A file format."""

    write: Callable[..., list[Path]]  # Its writer
    layout: str  # The layout that files of this format have
    persons: int | None = None  # Persons in every clip; None if clips may have one or two
    classes: int | None = None  # Most classes; None for any number
    num_clips: tuple[int, int] = (1500, 500)  # Default numbers of training and test clips


FORMATS: dict[str, Format] = {
    "pyskl": Format(write_pyskl, "ntu25"),
    "pyskl2d": Format(write_pyskl, "coco17"),
    "aimclr": Format(write_aimclr, "ntu25"),
    "ctrgcn": Format(write_ctrgcn, "ntu25"),
    "nwucla": Format(write_nwucla, "kinect20", 1, _UCLA_CLASSES),
    "sbu": Format(write_sbu, "sbu15", 2, _SBU_CLASSES),
    "penn": Format(write_penn, "penn13", 1),
    "store": Format(write_store, "ntu25"),
    "ntu": Format(write_ntu_raw, "ntu25"),
    "ntu120": Format(partial(write_ntu_raw, dataset="ntu120"), "ntu25"),
    "pku": Format(write_pku_raw, "ntu25"),
    "pku2": Format(partial(write_pku_raw, phase=2), "ntu25"),
    "tvhid": Format(write_tvhid, "ntu25", num_clips=(150, 150)),
    "av": Format(write_audio_visual, "ntu25", num_clips=(240, 120)),
}
"""Formats by the name that ``tools/dataset_converters/make_synthetic.py`` takes."""
