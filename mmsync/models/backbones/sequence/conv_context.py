"""The embedder of TCC (Dwibedi et al., 2019, Temporal Cycle-Consistency Learning, section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import torch
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.backbones.base import SequenceBackbone
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.ops.frames import map_valid
from mmsync.registry import BACKBONES, OptConfig


@BACKBONES.register_module()
class ConvContextEmbedder(SequenceBackbone):
    """Frame features or maps ``(N, T, C)`` to ``(N, T, D)`` by convolutions over a frame and some before it (TCC).

    Two convolutions of width 3 with batch norm and ReLU, the maximum over the context, two layers with ReLU and
    dropout, and a linear layer. Frames before the first one are the first one. Statistics are of valid frames.
    Context is counted in frames of the view: of views that sample few of them (``SampleFrames``) it is farther away in
    the video than in evaluation, unless ``context`` is 1.

    Cost per frame: ``context * k * (C + W) * W`` multiplications in the convolutions, k = 3, or ``27 * H * W`` of maps;
    memory is that of ``context`` copies of the frames.

    Args:
        in_channels: C: width of frame features, or the product of ``maps``.
        maps: ``(C', H, W)`` of maps stored flat, such as (1024, 14, 14) of a ResNet-50's conv4, then 3-D convolutions;
            ``None``: features, and 1-D convolutions.
        out_channels: Width of the features D.
        context: Frames that one embedding sees, itself the last.
        stride: Frames from one to the next.
        conv_channels: W of the convolutions.
        widths: Outputs of the layers in between.
        dropout: Probability in [0, 1), before each of them.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: No context, no convolution, or maps of another size than ``in_channels``.
        DataError: Sequences of another C.
    """

    def __init__(
        self, in_channels: int, maps: Optional[Sequence[int]] = None, out_channels: int = 128, context: int = 2,
        stride: int = 15, conv_channels: Sequence[int] = (512, 512), widths: Sequence[int] = (512, 512),
        dropout: float = 0.1, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        shape = (in_channels, 1, 1) if maps is None else tuple(maps)
        if len(shape) != 3 or torch.Size(shape).numel() != in_channels:
            raise ConfigError(f"ConvContextEmbedder: maps={shape} are (C, H, W) and multiply to {in_channels=}")
        if context < 1 or stride < 1 or not conv_channels:
            text = f"{context=}, {stride=}, conv_channels={list(conv_channels)}"
            raise ConfigError(f"ConvContextEmbedder: {text}; give 1 or more frames, and convolutions")
        super().__init__(in_channels, out_channels, init_cfg)
        self.maps, self.context, self.stride = shape, context, stride
        kernel, padding = (3, (1, 1, 1)) if maps is not None else ((3, 1, 1), (1, 0, 0))
        layers: list[nn.Module] = []
        for a, b in zip((shape[0], *conv_channels), conv_channels):
            layers += [nn.Conv3d(a, b, kernel, padding=padding, bias=False), BatchNorm(b), nn.ReLU(True)]
        self.convs = nn.Sequential(*layers)
        layers = []
        for a, b in zip((conv_channels[-1], *widths), widths):
            layers += [nn.Dropout(dropout), nn.Linear(a, b), nn.ReLU(True)]
        self.fc_layers = nn.Sequential(*layers)
        self.embedding_layer = nn.Linear((conv_channels[-1], *widths)[-1], out_channels)

    def forward_frames(self, x: Tensor, valid: Optional[Tensor]) -> Tensor:
        """Embeddings ``(P, T, D)`` of frames ``(P, T, C)``; zero where a frame is not ``valid``."""
        frame = torch.arange(x.shape[1], device=x.device)
        before = self.stride * torch.arange(1 - self.context, 1, device=x.device)
        at = (frame[:, None] + before).clamp(min=0)  # (T, context)
        sequence = torch.arange(len(x), device=x.device)[:, None].expand(-1, x.shape[1])
        places = torch.stack([sequence, frame.expand(len(x), -1)], 2)  # gathered after padding is left out

        def embed(place: Tensor) -> Tensor:
            stack = x[place[:, :1], at[place[:, 1]]].unflatten(2, self.maps)  # (R, context, C', H, W)
            out = self.convs(stack.transpose(1, 2)).amax((2, 3, 4))
            return self.embedding_layer(self.fc_layers(out))

        return map_valid(embed, places, valid)
