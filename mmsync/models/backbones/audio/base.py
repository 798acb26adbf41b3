"""What every audio backbone shares."""

from __future__ import annotations

from typing import ClassVar

from mmsync.models.backbones.base import Backbone


class AudioBackbone(Backbone):
    """Base of audio backbones: a subclass writes ``forward_rows``, ``(P, 1, F, T)`` to ``(P, D, F', T')``.

    Of waveforms ``(P, C, S)`` a subclass sets ``axes = "DT"`` and ``row_dim = 3``, and gives ``(P, D, T')``.

    Args:
        in_channels: C, 1 for a spectrogram.
        out_channels: D.
        init_cfg: MMEngine's initialisation config.
    """

    modality: ClassVar[str] = "audio"
    axes: ClassVar[str] = "DFT"
