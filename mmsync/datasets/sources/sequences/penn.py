"""Penn Action with the phases of TCC."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar, Optional, Union

import numpy as np
from mmengine.logging import print_log

from mmsync.datasets.sources.sequences.activities import PENN_PHASES, activity_name, find_activities
from mmsync.datasets.sources.sequences.casa import archive, list_archives
from mmsync.datasets.sources.sequences.records import (
    Record,
    RecordSource,
    as_phase,
    folder,
    read_array,
    resample_labels,
)
from mmsync.datasets.sources.skeleton.penn import PennActionSource
from mmsync.errors import ConfigError, DataError
from mmsync.registry import DATASETS

_CORNER = 3.0  # pixels within which hidden joints stand for none


@DATASETS.register_module()
class PennSequenceSource(RecordSource):
    """2D joints ``(T, 13, 2)`` of Penn Action in pixels, with phases of CASA's archives or TCC's files, by number.

    Joints out of the picture stand at about (1, 1) in the annotations: one of six in push-ups. They are filled in, see
    :func:`fill_lost`.

    Joints come from ``labels/*.mat``, phases and the splits ``train`` and ``val`` from
    ``casa_npyrecords/<activity>_<split>.npy``, whose poses are not used, or from TCC's files
    ``<labels>/<split>/<activity>/<id>*.npy``. Sequences are in the order of the archives, or of the files.
    Where frames and phases differ in number, frame j takes phase ``floor(j * L / T)``; such sequences are named in the
    log. Ids without a ``.mat`` are left out and named.

    Args:
        data_root: The folder of ``labels`` and ``casa_npyrecords``.
        activities: Read these; ``None``: all that have an archive.
        min_visible: Frames with fewer visible joints, of 13, are left out of samples.
        score: Give the visibilities, 0 or 1, behind the joints: ``(T, 39)``.
        fill: Fill in joints out of the picture; False leaves them at (1, 1).
        labels: The folder of TCC's files of phases; ``None``: the archives of CASA.

    Raises:
        ConfigError: An unknown activity, or ``min_visible`` is not in [0, 13].
        DataError: No folder, no archive or file of phases, or one of another activity than its annotations.
    """

    layout = PennActionSource.layout
    input_arguments: ClassVar[tuple[str, ...]] = ("score", "fill")

    def __init__(
        self, data_root: Union[str, Path], activities: Optional[Sequence[str]] = None, min_visible: int = 0,
        score: bool = False, fill: bool = True, labels: Optional[Union[str, Path]] = None,
    ) -> None:  # fmt: skip
        if not 0 <= min_visible <= 13:
            raise ConfigError(f"PennSequenceSource: min_visible={min_visible}: give a number of joints in [0, 13]")
        self.joints = (13, 2)
        phases = list(_archived(data_root, activities) if labels is None else _label_files(labels, activities))
        self._files = list(dict.fromkeys(path for path, *_ in phases))
        self.clips = PennActionSource(data_root)
        place = {name: i for i, name in enumerate(self.clips.names)}
        records, lacking, resampled = [], [], []
        for path, activity, split, name, values in phases:
            if name not in place:
                lacking.append(name)
                continue
            at = place[name]
            self._check_activity(at, activity, path)
            phase, frames = as_phase(values, f"{path}, {name}"), self.clips.load(at)
            if len(phase) != frames.shape[1] and len(phase):
                resampled.append(f"{name} ({frames.shape[1]} frames, {len(phase)} labels)")
                phase = resample_labels(phase, frames.shape[1])
            valid = partial(_visible, self.clips, at, min_visible) if min_visible else None
            load = partial(_joints, self.clips, at, score, fill)
            records.append(Record(name, activity, split, load, phase, valid))
        _tell(lacking, f"{data_root}: no annotation labels/<id>.mat of these sequences, which are left out")
        _tell(resampled, f"{data_root}: phases are stretched to the number of frames")
        self._files += self.clips.files()
        self.fill(records, data_root, phases=PENN_PHASES)

    def _check_activity(self, at: int, activity: str, path: Path) -> None:
        found = (self.clips.class_names or [])[self.clips.labels[at]] if self.clips.labels is not None else activity
        if activity_name(found) != activity:
            text = f"{self.clips.names[at]} is {found} in its .mat, but {activity} here; are the two of one data set?"
            raise DataError(f"{path}: {text}")


_Labels = Iterator[tuple[Path, str, str, str, np.ndarray]]  # file, activity, split, number of the clip, phases


def _archived(data_root: Union[str, Path], activities: Optional[Sequence[str]]) -> _Labels:
    for activity, split, path in list_archives(data_root, activities):
        for name, item in archive(path).items():
            yield path, activity, split, name, np.ravel(item.get("labels", ()))


def _label_files(labels: Union[str, Path], activities: Optional[Sequence[str]]) -> _Labels:
    root = folder(labels, "TCC's files of phases <split>/<activity>/<id>*.npy")
    found = [(path, activity_name(path.parent.name)) for path in sorted(root.glob("*/*/*.npy"))]
    if not found:
        raise DataError(f"{root}: no <split>/<activity>/<id>*.npy in it; is this the right folder?")
    keep = {activity for _, activity in found}
    if activities is not None:
        keep &= set(find_activities(activities, sorted(keep), str(root)))
    for path, activity in found:
        number = re.match(r"\d+", path.stem)
        if number is None:
            raise DataError(f"{path}: the name does not begin with the number of a clip, as 0001")
        if activity in keep:
            yield path, activity, path.parts[-3], number[0], np.ravel(read_array(path))


def fill_lost(joints: np.ndarray) -> np.ndarray:
    """Fill in joints ``(T, V, 3)`` of x, y and visibility that are out of the picture, hidden and in its first pixels.

    A joint is interpolated between the frames that have it, and held before and after; one that no frame has is put
    amid the others of its frame.
    """
    lost = (joints[..., 2] == 0) & (joints[..., :2].max(axis=-1) <= _CORNER)
    if not lost.any() or lost.all():
        return joints
    joints, frame = joints.copy(), np.arange(len(joints))
    for joint in np.flatnonzero(lost.any(axis=0) & ~lost.all(axis=0)):
        known, missing = frame[~lost[:, joint]], frame[lost[:, joint]]
        for axis in (0, 1):
            joints[missing, joint, axis] = np.interp(missing, known, joints[known, joint, axis])
    never = lost.all(axis=0)
    joints[:, never, :2] = joints[:, ~never, :2].mean(axis=1, keepdims=True)
    return joints


def _joints(clips: PennActionSource, at: int, score: bool, fill: bool) -> np.ndarray:
    clip = clips.load(at)[0]
    clip = fill_lost(clip) if fill else clip
    joints = clip[..., :2]
    return np.concatenate([joints.reshape(len(clip), -1), clip[..., 2]], axis=1) if score else joints


def _visible(clips: PennActionSource, at: int, least: int) -> np.ndarray:
    return clips.load(at)[0, ..., 2].sum(axis=-1) >= least


def _tell(names: Sequence[str], text: str) -> None:
    if names:
        some = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        print_log(f"{text}: {some}", logger="current", level=30)
