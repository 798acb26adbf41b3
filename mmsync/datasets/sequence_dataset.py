"""Whole sequences, whose frames may have phases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Literal, Optional, Union

import numpy as np
import torch
from mmengine.logging import print_log

from mmsync.datasets.keyed import KeyedDataset
from mmsync.datasets.sources.sequences.activities import find_activities
from mmsync.datasets.sources.sequences.base import SequenceSource
from mmsync.errors import ConfigError, DataError
from mmsync.registry import DATASETS


@DATASETS.register_module()
class SequenceDataset(KeyedDataset):
    """Whole sequences, ``inputs.sequence (N, T, ...)`` float32, padded to the longest of a batch; ``valid (N, T)``.

    Samples have ``num_frames`` T, and ``phase (T,)`` int64 if a sequence of the chosen ones has phases; those without
    have -1 there. Frames that the source marks as invalid are left out. Bad sequences are those of fewer frames than
    ``min_frames``, of another shape than the others, with NaN or infinity, or with another number of phases than
    frames. The data set draws nothing: views are drawn on the device, for each sample anew.

    Args:
        source: A ``SequenceSource``, or its config.
        repeats: Samples of each sequence in an epoch of training.
        min_frames: The fewest frames of a sequence.
        max_frames: Of longer sequences of T frames, that many are taken, ``floor(j * T / max_frames)``, which keeps
            the whole activity; how many are so is logged. ``None``: all frames are.
        background: ``'drop'`` takes out frames of phase -1 before everything else, as IKEA ASM is evaluated; sequences
            without phases stay whole.
        activities: Names of the activities to take; labels remain those of the source. ``None``: all.
        fraction: Take the first ``max(1, int(fraction * n))`` of the n sequences of each activity in each split, as
            published results with few labels do. To label fewer sequences in evaluation alone, set it in the probe.
        test_mode: Draw the same in every epoch; needs ``repeats=1``.
        keyed: ``split``, ``roles``, ``seed`` and the others of :class:`KeyedDataset`.

    Raises:
        ConfigError: Numbers out of their ranges, or an unknown activity.
        DataError: Too many bad sequences.
    """

    input_arguments: ClassVar[tuple[str, ...]] = ("max_frames", "background")
    item: ClassVar[str] = "sequence"
    advice: ClassVar[str] = "mmsync check_data lists all of them"

    def __init__(
        self, source: Union[Mapping, SequenceSource], repeats: int = 1, min_frames: int = 2,
        max_frames: Optional[int] = None, background: Literal["keep", "drop"] = "keep",
        activities: Optional[Sequence[str]] = None, fraction: Optional[float] = None, test_mode: bool = False,
        **keyed: Any,
    ) -> None:  # fmt: skip
        if min(repeats, min_frames) < 1 or (max_frames is not None and max_frames < min_frames):
            given = f"{repeats=}, {min_frames=}, {max_frames=}"
            raise ConfigError(f"SequenceDataset: {given}: give 1 or more, and no max_frames below min_frames")
        if background not in ("keep", "drop"):
            raise ConfigError(f"SequenceDataset: {background=}; use 'keep' or 'drop'")
        if fraction is not None and not 0 < fraction <= 1:
            raise ConfigError(f"SequenceDataset: {fraction=}: give a share in (0, 1], for instance 0.1 for 10 %")
        if repeats > 1 and test_mode:
            raise ConfigError(f"SequenceDataset: {repeats=} would evaluate each sequence as often; set repeats=1")
        self.repeats, self.min_frames, self.max_frames = repeats, min_frames, max_frames
        self.background, self.activities, self.fraction = background, activities, fraction
        super().__init__(source, test_mode=test_mode, **keyed)

    def narrow(self, places: np.ndarray, roles: np.ndarray) -> np.ndarray:
        """Keep the chosen activities, and the first sequences of each by ``fraction``."""
        keep, labels = np.ones(len(places), dtype=bool), self._labels_at(places)
        if self.activities is not None:
            names = self.source.class_names or []
            wanted = find_activities(self.activities, names, "SequenceDataset")
            keep = np.isin(labels, [names.index(name) for name in wanted])
            if not keep.any():
                raise DataError(f"SequenceDataset: no sequence of {', '.join(wanted)} in the splits")
        groups = [(role, label) for role in self.splits for label in np.unique(labels[keep]).tolist()]
        for role, label in () if self.fraction is None else groups:
            own = np.flatnonzero(keep & (roles == role) & (labels == label))
            keep[own[max(1, int((self.fraction or 1) * len(own))) :]] = False
        return keep

    def windows(self, places: np.ndarray) -> np.ndarray:
        return np.full(len(places), self.repeats, dtype=np.int64)

    def prepare(self) -> None:
        """Find out which sequences have phases, the shape of a frame, and tell of phases that go back."""
        places = np.unique(self.places).tolist()
        self._shape: Optional[tuple[int, ...]] = None
        without, back = [], []
        for place in places:
            with suppress(DataError, OSError):  # counted when it is read
                if self._shape is None:
                    self._shape = np.shape(self.source.load(place))[1:]
                phase = self.source.frame_labels(place)
                if phase is None:
                    without.append(self.source.names[place])
                elif (np.diff(phase[phase >= 0]) < 0).any():
                    back.append(self.source.names[place])
        self.has_phases = len(without) < len(places)
        count = len(places)
        if without and self.has_phases:
            _tell(f"{len(without)} of {count} sequences have no phases, and get -1", without)
        if back:
            _tell(f"phases go back in {len(back)} of {count} sequences, as they may in activities that repeat", back)

    def read(self, index: int) -> dict[str, Any]:
        place = int(self.places[index])
        frames, phase = self._checked(place)
        keep = np.arange(len(frames))
        valid = self.source.valid_frames(place)
        if valid is not None:
            keep = keep[np.asarray(valid)[keep]]
        if self.background == "drop" and phase is not None:
            keep = keep[phase[keep] >= 0]
        name = self.source.names[place]
        if len(keep) < self.min_frames:
            text = f"{len(keep)} of {len(frames)} frames can be used, min_frames={self.min_frames}"
            raise DataError(f"{name}: {text}" + "; others are invalid or background" * (len(keep) < len(frames)))
        if self.max_frames is not None and len(keep) > self.max_frames:
            keep = keep[np.arange(self.max_frames) * len(keep) // self.max_frames]
        if len(keep) < len(frames):
            frames = frames[keep]
        if not np.isfinite(frames).all():
            bad = np.flatnonzero(~np.isfinite(frames).reshape(len(frames), -1).all(axis=1))
            raise DataError(f"{name}: NaN or infinity in {len(bad)} of {len(frames)} frames, first in {keep[bad[0]]}")
        more: dict[str, Any] = {"num_frames": [len(keep)]}
        if self.has_phases:
            phase = np.full(len(keep), -1) if phase is None else phase[keep]
            more["phase"] = [torch.from_numpy(np.asarray(phase, dtype=np.int64))]
        fields = (frames, None, np.ones(len(frames), dtype=bool))
        return {"inputs": {"sequence": fields}, "data_samples": self.describe([index], **more)[0]}

    def _checked(self, place: int) -> tuple[np.ndarray, Optional[np.ndarray]]:
        """Frames and phases of a sequence; a ``DataError`` if they do not fit each other or the other sequences."""
        frames, phase = self.source.load(place), self.source.frame_labels(place)
        name = self.source.names[place]
        if frames.ndim not in (2, 3):
            raise DataError(f"{name}: the sequence is {frames.shape}; give (T, F), or (T, V, C) of joints")
        if frames.shape[1:] != self._shape:
            raise DataError(f"{name}: frames are {frames.shape[1:]}, but {self._shape} in the first sequence")
        if phase is not None and len(phase) != len(frames):
            raise DataError(f"{name}: {len(phase)} phases for {len(frames)} frames; give one for each frame")
        return frames, phase


def _tell(text: str, names: Sequence[str]) -> None:
    some = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    print_log(f"SequenceDataset: {text}: {some}", logger="current", level=30)
