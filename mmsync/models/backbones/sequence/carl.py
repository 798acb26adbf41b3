"""The transformer of CARL (Chen et al., 2022, Frame-wise Action Representations for Long Videos, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.backbones.base import SequenceBackbone
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.ops.attention import attention, sine_positions
from mmsync.ops.frames import map_valid
from mmsync.registry import BACKBONES, OptConfig


class CARLLayer(nn.Module):
    """Pre-norm attention and feed-forward of frames ``(P, T, D)``, with dropout of both branches."""

    def __init__(self, dim: int, num_heads: int, hidden_dim: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.q_proj, self.k_proj, self.v_proj, self.merge = (nn.Linear(dim, dim) for _ in "qkvm")
        self.fc1, self.fc2 = nn.Linear(dim, hidden_dim), nn.Linear(hidden_dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, valid: Optional[Tensor]) -> Tensor:
        """Let frames ``x (P, T, D)`` attend to those that are ``valid (P, T)``."""
        y = self.norm1(x)
        y = attention(self.q_proj(y), self.k_proj(y), self.v_proj(y), self.num_heads, "softmax", valid)
        x = x + self.dropout(self.merge(y))
        return x + self.dropout(self.fc2(self.dropout(self.fc1(self.norm2(x)).relu())))


@BACKBONES.register_module()
class CARLTransformerHead(SequenceBackbone):
    """Frame features ``(N, T, C)`` to ``(N, T, D)`` by a small MLP and a transformer over the frames (CARL).

    The features are a ResNet-50's, after the maximum over space. Statistics of the MLP are of valid frames. Positions
    are 0 to T - 1 in training; in evaluation those of a sequence are stretched to ``train_frames``, the number of
    frames of a view in training, as in the release.

    Cost per sequence of L layers: ``T ((C + W) W + 12 L M^2)`` multiplications, M = ``dim``, and ``2 L T^2 M`` of
    attention; memory is linear in T where torch's attention is fused.

    Args:
        in_channels: Number of input channels C.
        widths: Outputs of the MLP's layers, each after dropout and with batch norm and ReLU.
        dim: M, width of the transformer.
        num_layers: L, 3 on Penn Action, 2 on Pouring.
        num_heads: A divisor of M.
        hidden_dim: Width of the feed-forward layers.
        out_channels: Width of the features D.
        dropout: Probability in [0, 1), everywhere.
        train_frames: Frames that positions are stretched to, 80 on Penn Action, 240 on Pouring; ``None``: they are not.
        normalize: Whether embeddings have length 1.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: No layer in MLP or transformer, or heads that do not divide M.
        DataError: Sequences of another C.
    """

    def __init__(
        self, in_channels: int = 2048, widths: Sequence[int] = (512, 512), dim: int = 256, num_layers: int = 3,
        num_heads: int = 8, hidden_dim: int = 1024, out_channels: int = 128, dropout: float = 0.1,
        train_frames: Optional[int] = 80, normalize: bool = True, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        if not widths or num_layers < 1 or num_heads < 1 or dim % num_heads:
            text = f"widths={list(widths)}, {num_layers=}, {dim=}, {num_heads=}"
            raise ConfigError(f"CARLTransformerHead: {text}; give layers, and heads that divide dim")
        super().__init__(in_channels, out_channels, init_cfg)
        self.train_frames, self.normalize = train_frames, normalize
        layers: list[nn.Module] = []
        for a, b in zip((in_channels, *widths), widths):
            layers += [nn.Dropout(dropout), nn.Linear(a, b), BatchNorm(b), nn.ReLU(True)]
        self.fc_layers = nn.Sequential(*layers)
        self.video_emb = nn.Linear(widths[-1], dim)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(CARLLayer(dim, num_heads, hidden_dim, dropout) for _ in range(num_layers))
        self.embedding_layer = nn.Linear(dim, out_channels)

    def positions(self, x: Tensor, valid: Optional[Tensor]) -> Tensor:
        """Positions ``(T,)`` or ``(P, T)`` of frames ``x (P, T, C)``."""
        frames = torch.arange(x.shape[1], device=x.device, dtype=torch.float32)
        if self.training or self.train_frames is None:
            return frames
        lengths = torch.tensor(x.shape[1], device=x.device) if valid is None else valid.sum(1, keepdim=True)
        return frames * ((self.train_frames - 1) / (lengths - 1).clamp(min=1))

    def forward_frames(self, x: Tensor, valid: Optional[Tensor]) -> Tensor:
        """Embeddings ``(P, T, D)`` of features ``(P, T, C)``; frames that are not ``valid`` are not attended to."""
        positions = self.positions(x, valid)
        x = map_valid(lambda rows: self.video_emb(self.fc_layers(rows)), x, valid)
        x = self.dropout(x + sine_positions(positions, x.shape[2], paired=False).to(x.dtype))
        for layer in self.layers:
            x = layer(x, valid)
        x = self.embedding_layer(x)
        return F.normalize(x, dim=2) if self.normalize else x
