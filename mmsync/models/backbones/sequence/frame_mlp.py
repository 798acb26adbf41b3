"""Frame encoders that look at one frame at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.backbones.base import SequenceBackbone
from mmsync.registry import BACKBONES, OptConfig


@BACKBONES.register_module()
class FrameMLP(SequenceBackbone):
    """Frames ``(N, T, C)`` to ``(N, T, D)`` by linear layers with ReLU, each frame by itself (CASA; MASA).

    MASA has three layers, ``widths=(512, 512, 128)`` for frame features of width 1536; CASA two of width C.

    Args:
        in_channels: C: ``V * 3`` of joints, or the width of frame features.
        widths: Outputs of the layers, D the last; ``None``: ``num_layers`` times C.
        num_layers: Layers where ``widths`` is ``None``.
        final_act: Whether a ReLU follows the last layer, too.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: No layer.
        DataError: Sequences of another C.
    """

    def __init__(
        self, in_channels: int, widths: Optional[Sequence[int]] = None, num_layers: int = 3, final_act: bool = True,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        widths = [in_channels] * num_layers if widths is None else list(widths)
        if not widths or min(widths) < 1:
            raise ConfigError(f"FrameMLP: {widths=}; give one layer or more of positive width")
        super().__init__(in_channels, widths[-1], init_cfg)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip((in_channels, *widths), widths))
        self.final_act = final_act

    def forward_frames(self, x: Tensor, valid: Optional[Tensor]) -> Tensor:
        """Features ``(P, T, D)`` of frames ``(P, T, C)``."""
        for i, layer in enumerate(self.layers, 1):
            x = layer(x)
            x = x.relu() if self.final_act or i < len(self.layers) else x
        return x


@BACKBONES.register_module()
class RawFrames(SequenceBackbone):
    """The frames as they are, ``(N, T, C)``: the row of raw coordinates or features in a table.

    Args:
        in_channels: C, also D.
        init_cfg: MMEngine's initialization config.

    Raises:
        DataError: Sequences of another C.
    """

    def __init__(self, in_channels: int, init_cfg: OptConfig = None) -> None:
        super().__init__(in_channels, in_channels, init_cfg)

    def forward_frames(self, x: Tensor, valid: Optional[Tensor]) -> Tensor:
        """The frames ``(P, T, C)``."""
        return x
