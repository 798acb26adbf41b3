"""Pooling necks for any modality: a feature map to one vector per sample or per frame."""

from __future__ import annotations

from typing import Literal, Optional

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsync.errors import ConfigError, DataError
from mmsync.models.backbones.base import Backbone
from mmsync.registry import NECKS, OptConfig
from mmsync.structures import FeatureMap


@NECKS.register_module()
class MeanPool(nn.Module):
    """Mean over space and valid frames, then over persons: a map ``(P, ...)`` to ``(N, D)``.

    Args:
        persons: ``'valid_mean'`` averages the present persons; ``'mean'`` all of them, as the published ST-GCN family
            does: half of the feature of a one-person clip is then the response to an empty body.
        in_channels: D; the encoder fills it in.

    Raises:
        ConfigError: An unknown rule.
    """

    def __init__(
        self, persons: Literal["valid_mean", "mean"] = "valid_mean", in_channels: Optional[int] = None
    ) -> None:
        super().__init__()
        if persons not in ("valid_mean", "mean"):
            raise ConfigError(f"{type(self).__name__}: persons={persons!r}; use 'valid_mean' or 'mean'")
        self.counts_absent = persons == "mean"

    def forward(self, feature: FeatureMap) -> Tensor:
        """Pool a feature map to ``(N, D)``."""
        return feature.mean_persons(feature.clips(), self.counts_absent)


@NECKS.register_module()
class MaxPool(MeanPool):
    """Maximum over space and frames, then the mean over persons: a map ``(P, ...)`` to ``(N, D)``.

    Args:
        persons: As of :class:`MeanPool`.
        cells: Cells of frames and of space, whose maxima stand side by side, ``(N, cells[0] cells[1] D)``: ``(3, 4)``
            makes of a spectrogram's map the 6144 features of L3-Net's probes. Space must then be one axis.
        in_channels: D; the encoder fills it in.

    Raises:
        ConfigError: An unknown rule, or no cell.
        DataError: Several cells of a map whose space is not one axis.
    """

    def __init__(
        self, persons: Literal["valid_mean", "mean"] = "valid_mean", cells: tuple[int, int] = (1, 1),
        in_channels: Optional[int] = None,
    ) -> None:  # fmt: skip
        super().__init__(persons)
        if len(cells) != 2 or min(cells) < 1:
            raise ConfigError(f"MaxPool: cells={tuple(cells)}; give cells of frames and of space, 1 or more of each")
        self.cells = (cells[0], cells[1])

    def pooled_channels(self, backbone: Backbone) -> int:
        """Number of features."""
        return backbone.out_channels * self.cells[0] * self.cells[1]

    def forward(self, feature: FeatureMap) -> Tensor:
        """Pool a feature map to ``(N, D)``; frames that do not count are left out."""
        if self.cells != (1, 1) and (len(feature.axes) != 3 or "T" not in feature.axes):
            text = f"MaxPool: cells={self.cells} need a map of frames and one axis of space"
            raise DataError(f"{text}; its axes are {feature.axes!r}")
        grid = feature.grid()  # (P, D, T', S)
        if feature.valid is not None and "T" in feature.axes:
            hidden = ~feature.valid[feature.owner][:, None, :, None]
            grid = grid.masked_fill(hidden, torch.finfo(grid.dtype).min)
        one = self.cells == (1, 1)
        pooled = grid.flatten(2).amax(2) if one else F.adaptive_max_pool2d(grid, self.cells).flatten(1)
        return feature.mean_persons(pooled, self.counts_absent)


@NECKS.register_module()
class FramePool(MeanPool):
    """Mean over space, then over persons: a map ``(P, ...)`` to ``(N, T', D)``, one vector per frame.

    Args:
        persons: As of :class:`MeanPool`.
        in_channels: D; the encoder fills it in.
    """

    def forward(self, feature: FeatureMap) -> Tensor:
        """Pool a feature map to ``(N, T', D)``."""
        return feature.mean_persons(feature.frames(), self.counts_absent)


@NECKS.register_module()
class SkeletonPool(MeanPool):
    """Mean over frames, and over joints in one of three ways, then over persons: ``(P, D, T', V')`` to ``(N, D)``.

    Args:
        persons: As of :class:`MeanPool`.
        joints: ``'mean'`` as published; ``'keep'`` concatenates the joints' features, ``(N, V' * D)``, as the action
            heads of MotionBERT and MAMP do; ``'parts'`` the means over trunk, arms and legs, ``(N, 5 * D)``.
        in_channels: D; the encoder fills it in.

    Raises:
        ConfigError: An unknown rule, or one that needs joints which the backbone's map does not have.
    """

    def __init__(
        self,
        persons: Literal["valid_mean", "mean"] = "valid_mean",
        joints: Literal["mean", "keep", "parts"] = "mean",
        in_channels: Optional[int] = None,
    ) -> None:
        super().__init__(persons, in_channels)
        if joints not in ("mean", "keep", "parts"):
            raise ConfigError(f"SkeletonPool: joints={joints!r}; use 'mean', 'keep' or 'parts'")
        self.joints = joints
        self.parts: Optional[tuple[tuple[int, ...], ...]] = None

    def pooled_channels(self, backbone: Backbone) -> int:
        """Channels of the pooled features of a backbone."""
        if self.joints == "mean":
            return backbone.out_channels
        layout = getattr(backbone, "layout", None)
        if layout is None:
            raise ConfigError(f"SkeletonPool: joints={self.joints!r}, but {type(backbone).__name__} has no layout")
        self.parts = layout.body_parts if self.joints == "parts" else tuple((j,) for j in range(layout.num_joints))
        return len(self.parts) * backbone.out_channels

    def forward(self, feature: FeatureMap) -> Tensor:
        """Pool a feature map ``(P, D, T', V')`` to ``(N, D)``, ``(N, V' * D)`` or ``(N, 5 * D)``."""
        if self.joints == "mean":
            return super().forward(feature)
        if self.parts is None or feature.axes != "DTV" or sum(map(len, self.parts)) != feature.data.shape[3]:
            raise ConfigError(
                f"SkeletonPool: joints={self.joints!r} needs the joints of the backbone's layout, which the map "
                f"{tuple(feature.data.shape)} lacks; use joints='mean'"
            )
        if self.joints == "parts":
            data = feature.data.mean(2)
            data = torch.stack([data[:, :, part].mean(2) for part in self.parts], 2).unsqueeze(2)
            feature = feature._replace(data=data)
        return joint_features(feature, self.counts_absent)


def joint_features(feature: FeatureMap, count_absent: bool = False) -> Tensor:
    """Average a map ``(P, D, T', V')`` over frames and persons: ``(N, V' * D)``, the first joint's channels first."""
    return feature.mean_persons(feature.data.mean(2).transpose(1, 2).flatten(1), count_absent)


@NECKS.register_module()
class VideoPool(BaseModule):
    """Pooling of a map ``(P, D, T', H', W')`` to ``(N, D)``, ``(N, frames * D)`` or ``(N, hidden_channels)``.

    Args:
        time: ``'mean'``; ``'flatten'``, the concatenated steps, the first step's channels first; ``'gru'`` or
            ``'lstm'``, the last state of a recurrent layer.
        window: Steps of a moving average before that; 2 as in the published I3D, whose T' steps become T' - 1.
        frames: Steps after the moving average, T' - window + 1, for ``'flatten'``; other lengths are an error.
        in_channels: D, for recurrent layers; the encoder fills it in.
        hidden_channels: Width of a recurrent layer; ``None`` is D.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: An unknown rule, a window below 1, or missing ``frames`` or ``in_channels``.
        DataError: A map with fewer steps than the window, or not with ``frames`` steps.
    """

    def __init__(
        self, time: Literal["mean", "flatten", "gru", "lstm"] = "mean", window: int = 1, frames: Optional[int] = None,
        in_channels: Optional[int] = None, hidden_channels: Optional[int] = None, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(init_cfg)
        if time not in ("mean", "flatten", "gru", "lstm") or window < 1:
            raise ConfigError(f"VideoPool: {time=}, {window=}; use 'mean', 'flatten', 'gru' or 'lstm', and at least 1")
        if time == "flatten" and frames is None:
            raise ConfigError("VideoPool: time='flatten' needs frames, the steps of the map after the window")
        self.time, self.window, self.frames = time, window, frames if time == "flatten" else None
        self.recurrent: Optional[nn.RNNBase] = None
        if time in ("gru", "lstm"):
            if in_channels is None:
                raise ConfigError(f"VideoPool: time={time!r} needs in_channels, the backbone's out_channels")
            layer = nn.GRU if time == "gru" else nn.LSTM
            self.recurrent = layer(in_channels, hidden_channels or in_channels, batch_first=True)

    def pooled_channels(self, backbone: Backbone) -> int:
        """Channels of the pooled features of a backbone."""
        if self.recurrent is not None:
            return self.recurrent.hidden_size
        return backbone.out_channels * (self.frames or 1)

    def forward(self, feature: FeatureMap) -> Tensor:
        """Pool a feature map ``(P, D, T', H', W')``, then average over the present tracks of a sample."""
        return feature.mean_persons(self._over_time(feature.frames().transpose(1, 2)))

    def _over_time(self, x: Tensor) -> Tensor:
        """Pool rows ``(P, D, T')`` to one vector each."""
        if x.shape[2] < self.window:
            raise DataError(f"VideoPool: window={self.window}, but the map has {x.shape[2]} steps; take longer clips")
        x = F.avg_pool1d(x, self.window, 1) if self.window > 1 else x  # (N, D, T'')
        if self.time == "mean":
            return x.mean(2)
        if self.recurrent is not None:
            return self.recurrent(x.transpose(1, 2))[0][:, -1]
        if x.shape[2] != self.frames:
            raise DataError(f"VideoPool: frames={self.frames}, but the map has {x.shape[2]} steps after the window")
        return x.transpose(1, 2).flatten(1)
