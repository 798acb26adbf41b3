"""Untrimmed recordings like those of PKU-MMD: actions one after the other, with pauses, and their labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mmsync.errors import ConfigError, DataError

_VIEWS = "LMR"
_MOST = {1: 363, 2: 26 * 13}  # recordings of a view
_SPLIT = {1: "cross-subject.txt", 2: "cross_subject_v2.txt"}


def write_pku_raw(source: Any, folder: Path, phase: int = 1, per_recording: int = 10, seed: int = 0) -> list[Path]:
    """Write PKU-MMD: ``skeleton/0002-L.txt`` (150 numbers a frame), ``label/0002-L.txt``, ``cross-subject.txt``.

    Clips of one part and camera follow each other in a recording; in pauses people stand still, or are gone.
    The source's parts are those of the cross-subject protocol.

    Args:
        source: Clips ``(M, T, 25, 3)`` of layout ``ntu25``, at most two persons, with splits ``train`` and ``test``.
        folder: The folder to write into; it is returned in a list.
        phase: 1, or 2 for names like ``A01N01-L``.
        per_recording: Clips in a recording.
        seed: Seed of the pauses.

    Raises:
        ConfigError: No such phase.
        DataError: The source does not fit.
    """
    if phase not in _MOST:
        raise ConfigError(f"PKU-MMD: phase {phase}; choose 1 or 2")
    if source.layout.name != "ntu25" or source.num_coords != 3:
        raise DataError(f"PKU-MMD holds ntu25 in metres, but the source has {source.layout}, {source.num_coords}D")
    if source.labels is None or source.labels.max(initial=0) > 50:
        raise DataError("PKU-MMD: the source has no labels, or more than 51 classes")
    rng = np.random.default_rng(seed)
    place = {name: index for index, name in enumerate(source.names)}
    view = source.attributes.get("view", np.ones(len(place), dtype=int))
    videos: dict[str, list[str]] = {"train": [], "test": []}
    recordings: list[tuple[str, list[int]]] = []
    for split, names in videos.items():
        clips = np.array([place[name] for name in source.splits[split]], dtype=int)
        for camera, letter in enumerate(_VIEWS, 1):
            seen = clips[view[clips] == camera]
            for part in np.split(seen, range(per_recording, len(seen), per_recording)):
                if len(part):
                    names.append(_name(phase, len(recordings), letter))
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
            labels.append(f"{source.labels[index] + 1},{begin + 1},{begin + len(rows)},1\n")
            frames += [rows, np.repeat(rows[-1:] * (rng.random() < 0.8), rng.integers(5, 30), axis=0)]
        np.savetxt(folder / "skeleton" / f"{name}.txt", np.concatenate(frames).reshape(-1, 150), fmt="%.7g")
        (folder / "label" / f"{name}.txt").write_text("".join(labels))
    lines = ["Training videos:", ", ".join(videos["train"]), "Validation videos:", ", ".join(videos["test"]), ""]
    (folder / _SPLIT[phase]).write_text("\n".join(lines))
    return [folder]


def _name(phase: int, number: int, view: str) -> str:
    if number >= _MOST[phase]:
        raise DataError(f"PKU-MMD phase {phase}: more than {_MOST[phase]} recordings; put more clips in each")
    if phase == 1:
        return f"{number + 2:04d}-{view}"
    return f"A{number // 13 + 1:02d}N{number % 13 + 1:02d}-{view}"
