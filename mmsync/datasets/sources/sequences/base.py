"""The base of sources of sequences, whose frames have labels."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Optional

import numpy as np

from mmsync.datasets.sources.base import BaseSource
from mmsync.errors import unwritten
from mmsync.structures import SkeletonLayout


class SequenceSource(BaseSource):
    """Base of the sources of whole sequences; a subclass sets the attributes of `BaseSource`, and writes ``load``.

    ``labels`` and ``class_names`` are the activities; the frames of an activity have phases, numbered from 0. Splits
    are in the order of the files, because label fractions take the first sequences of each activity.
    """

    item = "sequence"
    modality = "sequence"
    joints: Optional[tuple[int, int]] = None  # (V, C) of the leading channels; None: there are none
    layout: Optional[SkeletonLayout] = None  # of these joints, where it is known
    phases: Mapping[str, list[str]] = MappingProxyType({})  # names of the phases by activity, where they are known

    @property
    def metainfo(self) -> dict[str, Any]:
        """Activities as ``classes``, names of ``phases`` by activity, ``joints (V, C)``, name of the ``layout``."""
        layout = None if self.layout is None else self.layout.name
        return {**super().metainfo, "phases": dict(self.phases), "joints": self.joints, "layout": layout}

    def load(self, index: int) -> np.ndarray:
        """The sequence, float32: joints ``(T, V, C)``, or ``(T, F)`` of which ``joints`` lead. Not to be written to."""
        raise unwritten(self, "load(index)")

    def frame_labels(self, index: int) -> Optional[np.ndarray]:
        """The phase of each frame, ``(T,)`` int64, -1 for background or unknown; ``None`` without annotation."""
        return None

    def valid_frames(self, index: int) -> Optional[np.ndarray]:
        """Which frames show something, ``(T,)`` bool; ``None``: all. The others are left out of samples."""
        return None
