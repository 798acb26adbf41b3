"""Bidirectional GRU on skeletons (Su et al., 2020, Predict & Cluster; Mao et al., 2022, CMD)."""

from __future__ import annotations

import re
from typing import Any, Literal, Optional, Union

import torch
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.backbones.base import SkeletonBackbone
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.registry import BACKBONES, OptConfig
from mmsync.structures import SkeletonLayout, View


@BACKBONES.register_module()
class BiGRU(SkeletonBackbone):
    """Bidirectional GRU over frames, whose joints are one vector: ``(P, T, V, C) -> (P, D, T', 1)``.

    CMD as released: ``num_persons=2, directions="forward", last_step=True``. Its code steps a bidirectional GRU frame
    by frame and carries the states of both directions along, so both run forward in time. Here a call takes all frames.
    Cost per row and frame: ``6 H (V C M + H)`` multiplications in the first layer, ``18 H^2`` in others.

    Args:
        layout: Name or config of the skeleton layout.
        in_channels: C, coordinates (times streams) per joint.
        hidden_channels: H of one direction; D is 2 H.
        num_layers: Recurrent layers, at least 1.
        num_persons: M, persons side by side in one row, absent ones as zeros; 1: one row per person.
        directions: ``'both'`` of time, or two GRUs ``'forward'`` in each layer.
        last_step: Whether the map is the last step alone, T' = 1, else T' = T.
        data_norm: Whether to batch-normalize the input per joint, channel and person.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: Unknown directions, or the last step of both, which has seen but one frame in one of them.
        LayoutError: Input of another layout or number of channels, or more persons.
    """

    def __init__(
        self, layout: Union[str, dict, SkeletonLayout] = "ntu25", in_channels: int = 3, hidden_channels: int = 1024,
        num_layers: int = 3, num_persons: int = 1, directions: Literal["both", "forward"] = "both",
        last_step: bool = False, data_norm: bool = True, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        if directions not in ("both", "forward") or (last_step and directions == "both"):
            text = "use 'both' with last_step=False, or 'forward'"
            raise ConfigError(f"BiGRU: {directions=}, {last_step=}: {text}")
        super().__init__(layout, in_channels, 2 * hidden_channels, init_cfg)
        self.num_persons, self.last_step, self.num_layers = num_persons, last_step, num_layers
        width = self.layout.num_joints * in_channels * num_persons
        self.data_bn = BatchNorm(width) if data_norm else nn.Identity()
        widths = [width] + [2 * hidden_channels] * (num_layers - 1)
        self.gru: Any = (
            nn.GRU(width, hidden_channels, num_layers, batch_first=True, bidirectional=True)
            if directions == "both"
            else nn.ModuleList(nn.GRU(w, hidden_channels, batch_first=True) for w in widths for _ in range(2))
        )

    def get_layer_depth(self, param_name: str) -> tuple[int, int]:
        """Layer of a parameter for layer-wise rates, 0 for the input's norm; and the number of layers."""
        found = re.match(r"gru\.(?:(\d+)\.|\w+_l(\d+))", param_name)
        return (0 if found is None else 1 + int(found[2] or int(found[1]) // 2)), self.num_layers + 2

    def split_persons(self, view: View) -> tuple[Tensor, Optional[Tensor]]:
        """Persons side by side, ``(N, M, T, V, C)`` to ``(N, 1, T, V, C * num_persons)``, if num_persons > 1."""
        x, present = self.stack_persons(view, self.num_persons)
        return (x if self.num_persons == 1 else x.mT.flatten(3).unsqueeze(1)), present

    def forward_rows(self, x: Tensor) -> Tensor:
        out = self.data_bn(x.flatten(2).mT).mT
        if isinstance(self.gru, nn.GRU):
            out = self.gru(out)[0]
        else:
            for first, second in zip(self.gru[::2], self.gru[1::2]):
                out = torch.cat([first(out)[0], second(out)[0]], 2)
        return (out[:, -1:] if self.last_step else out).mT.unsqueeze(-1)
