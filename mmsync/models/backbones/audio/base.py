"""Base class of audio backbones."""

from __future__ import annotations

from typing import ClassVar

from mmsync.models.backbones.base import Backbone


class AudioBackbone(Backbone):
    """Base of audio backbones: a subclass writes ``forward_rows``, ``(P, 1, F, T)`` to ``(P, D, F', T')``.

    For waveforms ``(P, C, S)``, set ``axes = "DT"`` and ``row_dim = 3``, and return ``(P, D, T')``.
    """

    modality: ClassVar[str] = "audio"
    axes: ClassVar[str] = "DFT"
