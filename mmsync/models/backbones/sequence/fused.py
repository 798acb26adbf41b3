"""Several kinds of features of one frame, such as joints and pictures, each with an encoder of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional, cast

import torch
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.backbones.base import SequenceBackbone
from mmsync.registry import BACKBONES, OptConfig, Part


@BACKBONES.register_module()
class FusedFrames(SequenceBackbone):
    """Frames ``(N, T, C)`` whose channels are split among backbones of sequences: ``(N, T', D)``, side by side (MASA).

    Args:
        splits: Channels of each part, in the order of the data, joints first; they add up to C.
        parts: Configs of backbones of sequences, one for each split, which fills in their ``in_channels``.
        out_channels: D of a linear layer on top; ``None``: no such layer, and D is the sum of the parts' widths.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: Not as many parts as splits, or a part of another modality, width or time stride.
        DataError: Sequences of another C.
    """

    def __init__(
        self,
        splits: Sequence[int],
        parts: Sequence[Part],
        out_channels: Optional[int] = None,
        init_cfg: OptConfig = None,
    ) -> None:
        if len(splits) != len(parts) or not parts:
            raise ConfigError(f"FusedFrames: splits={list(splits)} for {len(parts)} parts; give one for each")
        built = [BACKBONES.build(part, default_args=dict(in_channels=c)) for part, c in zip(parts, splits)]
        for part, channels in zip(built, splits):
            if not isinstance(part, SequenceBackbone) or part.axes != "TD" or part.in_channels != channels:
                text = f"takes {channels} channels of frames; give a backbone of sequences with in_channels={channels}"
                raise ConfigError(f"FusedFrames: the part {type(part).__name__} {text}")
        width = sum(part.out_channels for part in built)
        super().__init__(sum(splits), out_channels or width, init_cfg)
        self.splits = tuple(splits)
        self.parts = nn.ModuleList(built)
        self.fuse: nn.Module = nn.Linear(width, out_channels) if out_channels else nn.Identity()

    def forward_frames(self, x: Tensor, valid: Optional[Tensor]) -> Tensor:
        """Features ``(P, T', D)`` of frames ``(P, T, C)``."""
        parts = cast("Sequence[SequenceBackbone]", self.parts)
        features = [part.make_rows(one, valid) for part, one in zip(parts, x.split(self.splits, 2))]
        steps = {feature.shape[1] for feature in features}
        if len(steps) > 1:
            text = f"its parts make {sorted(steps)} steps of {x.shape[1]} frames; give them equal strides"
            raise ConfigError(f"FusedFrames: {text}")
        return self.fuse(torch.cat(features, 2))
