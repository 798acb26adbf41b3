"""Two sequences, aligned in time by a model."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Union

import numpy as np
import torch

from mmsync.datasets.collate import motion_collate
from mmsync.errors import ConfigError, DataError, ProtocolError, did_you_mean, nearest
from mmsync.evaluation.functional import Alignment, align_pair
from mmsync.fileio import atomic_path
from mmsync.structures import FeatureTable, MotionSample
from mmsync.visualization.alignment import alignment_title, draw_alignment, render_alignment
from mmsync.visualization.sequences import SequenceClip, read_clip
from mmsync.visualization.skeleton import write_film

FILM_FRAMES = 1000  # of longer sequences the film shows some frames


def check_sequences(model: Any) -> None:
    """Raise a ProtocolError if a model is no method on sequences."""
    if getattr(getattr(model, "data_preprocessor", None), "modality", "sequence") != "sequence":
        text = "is no method on sequences, as MASA, CASA, TCC, LAV and CARL are"
        raise ProtocolError(f"{type(model).__name__} {text}; alignment needs features of frames")


@torch.no_grad()
def embed_sequences(model: Any, sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Embed the frames of sequences, which make one batch.

    Args:
        model: Of :func:`mmsync.apis.init_model`, a method on sequences.
        sequences: N arrays, joints ``(T_n, V, C)`` or ``(T_n, F)``, as the model's data are.

    Returns:
        N arrays ``(T_n, D)`` float32, the features that probes see. Of a backbone that strides over frames, each one
        has the feature of its step.

    Raises:
        ProtocolError: The model is no method on sequences, or has no features of frames.
    """
    check_sequences(model)
    samples = []
    for i, frames in enumerate(sequences):
        fields = (np.asarray(frames, dtype=np.float32), None, np.ones(len(frames), dtype=bool))
        about = {"name": f"sequence {i}", "index": i, "role": "query", "num_frames": len(frames)}
        samples.append({"inputs": {"sequence": fields}, "data_samples": MotionSample.quick(-1, about)})
    table = model.eval().test_step(motion_collate(samples))
    found = table["feature"]
    if not all(isinstance(one, torch.Tensor) and one.dim() == 2 for one in found):
        text = "pools its features over time; alignment needs those of frames: encoder.pool=dict(type='FramePool')"
        raise ProtocolError(f"{type(model).__name__} {text}")
    rows = [one[: len(frames)].float().cpu().numpy() for one, frames in zip(found, sequences)]
    return [one[np.arange(len(frames)) * len(one) // len(frames)] for one, frames in zip(rows, sequences)]


def align_sequences(
    model: Any, first: np.ndarray, second: np.ndarray, how: Literal["nearest", "dtw"] = "nearest"
) -> Alignment:
    """Align two sequences by the features of their frames.

    Args:
        model: Of :func:`mmsync.apis.init_model`, a method on sequences.
        first: Joints ``(T, V, C)`` or features ``(T, F)``.
        second: ``(S, ...)`` of the same kind.
        how: ``'nearest'``, or ``'dtw'`` for a map that never goes back.

    Returns:
        ``index (T,)``, the frame of the second for each of the first; ``distance (T, S)``; and Kendall's ``tau``.

    Raises:
        ConfigError: Another ``how``.
        DataError: Sequences of less than two frames, or of different kinds of frames.
    """
    for name, frames in (("first", first), ("second", second)):
        if np.ndim(frames) not in (2, 3) or len(frames) < 2:
            raise DataError(
                f"the {name} sequence is {np.shape(frames)}; give 2 frames or more, (T, V, C) of joints or (T, F)"
            )
    if np.shape(first)[1:] != np.shape(second)[1:]:
        raise DataError(f"frames are {np.shape(first)[1:]} and {np.shape(second)[1:]}; give two sequences of one kind")
    one, two = embed_sequences(model, [first, second])
    return align_pair(one, two, how)


def find_clip(dataset: Any, name: str) -> SequenceClip:
    """A sequence of a ``SequenceDataset`` by its name, or one of such frames in a file ``.npy``.

    Raises:
        ConfigError: There is no such sequence or file.
        DataError: The file holds no sequence, or frames of another kind than those of the data set.
    """
    if not name.endswith(".npy"):
        names = dataset.names
        if name not in names:
            hint = did_you_mean(nearest(name, names)) or f"; there are {len(names)}: {', '.join(names[:3])}, ..."
            raise ConfigError(f"no sequence {name!r} in the test data{hint} Files end with .npy")
        return read_clip(dataset, names.index(name))
    path, source = Path(name), dataset.source
    if not path.is_file():
        raise ConfigError(f"{name}: there is no such file")
    try:
        frames = np.load(path, allow_pickle=False)
        frames = np.asarray(frames, dtype=np.float32)
    except (OSError, ValueError) as error:
        raise DataError(f"{name}: no array of numbers ({error})") from error
    wanted = read_clip(dataset, 0).frames.shape[1:]
    if frames.shape[1:] != wanted or len(frames) < 2:
        few = "" if frames.shape[1:] == wanted else "; other joints or features than those the model was trained on"
        shape = ", ".join(map(str, ("T", *wanted)))
        raise DataError(f"{name}: the sequence is {frames.shape}; give ({shape}) with 2 frames or more{few}")
    if not np.isfinite(frames).all():
        raise DataError(f"{name}: NaN or infinity in the frames")
    return SequenceClip(path.stem, frames, source.joints, source.layout)


def write_alignment(
    folder: Union[str, Path], first: SequenceClip, second: SequenceClip, found: Alignment, how: str = "nearest",
    fps: float = 20.0,
) -> list[Path]:  # fmt: skip
    """Write an alignment as ``alignment.csv``, ``alignment.png`` and, last, ``alignment.mp4``.

    The table has a row for each frame of the first sequence: its number, that of its frame of the second, and the
    Euclidean distance of their features. The film shows at most 1000 frames, evenly spread.

    Raises:
        DependencyError: PyAV or matplotlib is missing; what needs neither is written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"alignment.{suffix}" for suffix in ("csv", "png", "mp4")]
    with atomic_path(paths[0]) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["frame_a", "frame_b", "distance"])
        writer.writerows((i, int(j), f"{d:.6g}") for i, (j, d) in enumerate(zip(found.index, found.matched)))
    title = alignment_title(first, second, found.index, found.tau, how)
    draw_alignment(first, second, found.distance, found.index, paths[1], title)
    step = math.ceil(len(first) / FILM_FRAMES)
    write_film(islice(render_alignment(first, second, found.index), 0, None, step), paths[2], fps)
    return paths


def nearest_frames(
    table: FeatureTable, queries: int = 8, k: int = 5, spread: bool = False, seed: int = 0, stride: int = 2
) -> list[list[tuple[int, int]]]:
    """Draw query frames, and find the nearest ones in other sequences of their activity.

    Args:
        table: Features of frames ``(T, D)``, and ``label``; queries have a phase where the table has phases.
        queries: Number of queries, spread over the activities.
        k: Frames to find for each.
        spread: Take at most one frame of each sequence.
        seed: Seed of the choice.
        stride: Every n-th frame is a candidate.

    Returns:
        Lists of (row of the table, frame): the query, then what was found by squared Euclidean distance.

    Raises:
        DataError: No activity has two sequences.
    """
    frames, labels = [one.float().numpy()[::stride] for one in table.ragged("feature")], table.numbers("label").numpy()
    phases = [one.numpy()[::stride] for one in table.ragged("phase")] if "phase" in table else None
    rng = np.random.default_rng(seed)
    counts = {label: np.flatnonzero(labels == label) for label in np.unique(labels)}
    usable = [rows for rows in counts.values() if len(rows) > 1]
    if not usable:
        raise DataError("no activity has two sequences; frames are sought in other sequences of the activity")
    found = []
    for number in range(queries):
        rows = usable[number % len(usable)]
        row = int(rng.choice(rows))
        known = np.arange(len(frames[row])) if phases is None else np.flatnonzero(phases[row] >= 0)
        frame = int(rng.choice(known if len(known) else np.arange(len(frames[row]))))
        others = [int(one) for one in rows if one != row]
        owner = np.concatenate([np.full(len(frames[one]), one) for one in others])
        place = np.concatenate([np.arange(len(frames[one])) for one in others])
        distance = ((np.concatenate([frames[one] for one in others]) - frames[row][frame]) ** 2).sum(axis=1)
        order = np.argsort(distance, kind="stable")
        if spread:
            order = order[np.sort(np.unique(owner[order], return_index=True)[1])]
        found.append([(row, frame * stride), *((int(owner[i]), int(place[i]) * stride) for i in order[:k])])
    return found
