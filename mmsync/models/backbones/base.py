"""Base classes of backbones: rows of persons in, a feature map out."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Optional, Union

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsync.errors import ContractError, DataError, LayoutError, unwritten
from mmsync.ops.persons import pack_persons, stack_persons
from mmsync.registry import OptConfig
from mmsync.structures import FeatureMap, SkeletonLayout, View


class Backbone(BaseModule):
    """Base of backbones of any modality, C to D channels: a subclass sets ``axes`` and writes :meth:`forward_rows`."""

    modality: ClassVar[str] = ""  # of the views it takes; the config check compares it with the data preprocessor's
    axes: ClassVar[str] = "DTV"  # of the feature map after P, see mmsync.structures.FeatureMap
    row_dim: ClassVar[int] = 4  # of a batch of rows (P, ...); a view with one more has persons or tracks after N
    frame_axis: ClassVar[int] = 1  # of T in a batch of rows
    map_parts: tuple[tuple[int, ...], ...] = ()  # places V' of the map that a pooling may keep apart; empty: none are
    _axes_known = False

    def __init__(self, in_channels: int, out_channels: int, init_cfg: OptConfig = None) -> None:
        if not self.modality:
            text = "set modality, of the views that it takes, in the class: 'skeleton', 'video', 'audio' or 'sequence'"
            raise ContractError(f"{type(self).__name__} has no modality: {text}")
        super().__init__(init_cfg)
        self.in_channels, self.out_channels = in_channels, out_channels

    def split_persons(self, view: View) -> tuple[Tensor, Optional[Tensor]]:
        """Data ``(N, M, ...)`` of a view and the mask of present persons ``(N, M)``; M is 1 without persons."""
        if view.data.dim() > self.row_dim:
            return view.data, view.present
        return view.data.unsqueeze(1), None

    def forward_rows(self, x: Tensor) -> Tensor:
        """Feature maps ``(P, ...)`` of rows ``(P, ...)``."""
        raise unwritten(self, "forward_rows(x)")

    def to_map(self, view: View, rows: Tensor, out: Tensor, owner: Tensor, present: Optional[Tensor]) -> FeatureMap:
        """The feature map ``out`` of rows of a view; a ContractError if it is not as the class declares."""
        if not isinstance(out, Tensor):
            out_of = f"a {type(out).__name__}, not a tensor (P, {', '.join(self.axes)})"
            raise ContractError(f"{type(self).__name__} makes {out_of} of rows")
        feature = FeatureMap(out, owner, len(view.data), present, axes=self.axes)
        problem = feature.problem(self.out_channels)
        if problem is None and not self._axes_known and "T" in self.axes:
            if out.shape[feature.axis("T")] == self.out_channels:
                problem = self._swapped_frames(rows)
            self._axes_known = True
        if problem is not None:
            raise ContractError(f"{type(self).__name__}: {problem}")
        if "T" not in self.axes:
            return feature
        valid, index = view.after_stride(out.shape[feature.axis("T")])
        return feature._replace(valid=valid, index=index)

    @torch.no_grad()
    def _swapped_frames(self, rows: Tensor) -> Optional[str]:
        """Where T' equals D, half of the frames show which axis is which; ``None`` if they are in order, or unknown."""
        training = {module: module.training for module in self.modules()}
        try:
            part = rows[:1].narrow(self.frame_axis, 0, max(rows.shape[self.frame_axis] // 2, 1))
            shape = self.eval().make_rows(part).shape
        except Exception:  # it takes clips of one length only
            return None
        finally:
            for module, mode in training.items():
                module.training = mode
        if shape[self.axes.index("D") + 1] == self.out_channels:
            return None
        return f"D and the frames are in another order than axes={self.axes!r}, (P, {', '.join(self.axes)})"

    def make_rows(self, rows: Tensor, valid: Optional[Tensor] = None) -> Tensor:
        """Feature maps of rows, of whose frames those ``valid (P, T)`` count."""
        return self.forward_rows(rows)

    def forward(self, view: View, skip_absent: bool = True) -> FeatureMap:
        """Feature map of the persons of a view.

        Absent ones are skipped, so that they cost nothing and enter no statistics, or computed and marked as absent.

        Raises:
            LayoutError, DataError: The input has another shape than the backbone is built for.
            ContractError: The feature map has another shape than the class declares.
        """
        data, present = self.split_persons(view)
        rows, owner, present = pack_persons(data, present, skip_absent)
        valid = None if view.valid is None else view.valid[owner]
        return self.to_map(view, rows, self.make_rows(rows, valid), owner, present)


class AudioBackbone(Backbone):
    """Base of audio backbones: a subclass writes ``forward_rows``, ``(P, 1, F, T)`` to ``(P, D, F', T')``.

    For waveforms ``(P, C, S)``, set ``axes = "DT"`` and ``row_dim = 3``, and return ``(P, D, T')``.
    """

    modality: ClassVar[str] = "audio"
    axes: ClassVar[str] = "DFT"
    frame_axis: ClassVar[int] = -1
    min_bands: int = 1  # F
    min_frames: int = 1  # T, or samples S

    def split_persons(self, view: View) -> tuple[Tensor, Optional[Tensor]]:
        """Sounds ``(N, K, ...)`` and their presence ``(N, K)``; a DataError for those that are too short."""
        x, present = super().split_persons(view)
        waves = self.row_dim == 3
        if x.dim() != self.row_dim + 1 or x.shape[2] != self.in_channels:
            wanted = "waveforms (N, C, S)" if waves else "spectrograms (N, C, F, T)"
            found = f"{tuple(view.data.shape)}; mono is 1 channel"
            raise DataError(f"{type(self).__name__} takes {wanted}, C = in_channels = {self.in_channels}, not {found}")
        if x.shape[-1] < self.min_frames or (not waves and x.shape[-2] < self.min_bands):
            wanted = f"{self.min_frames} samples" if waves else f"{self.min_bands} bands and {self.min_frames} frames"
            found = f"{tuple(x.shape[-1 if waves else -2 :])}; take longer sound"
            raise DataError(f"{type(self).__name__} needs {wanted} or more, but got {found}")
        return x, present


class SequenceBackbone(Backbone):
    """Base of backbones of whole sequences: a subclass writes ``forward_frames (P, T, C) -> (P, T', D)``.

    For joints ``(P, T, V, C)``, set ``row_dim = 4``.
    """

    modality: ClassVar[str] = "sequence"
    axes: ClassVar[str] = "TD"
    row_dim: ClassVar[int] = 3

    def split_persons(self, view: View) -> tuple[Tensor, Optional[Tensor]]:
        """Sequences ``(N, K, T, ...)``, joints in a row where rows are flat, and their presence ``(N, K)``.

        A DataError for another number of channels.
        """
        joints = view.data.shape[-2:]
        if self.row_dim == 3 and view.data.dim() == 4 and joints[1] < joints.numel() == self.in_channels:
            view = view._replace(data=view.data.flatten(2))
        x, present = super().split_persons(view)
        if x.dim() != self.row_dim + 1 or x.shape[-1] != self.in_channels:
            wanted = f"sequences (N, T, {'V, ' * (self.row_dim - 3)}C) with C = in_channels = {self.in_channels}"
            wanted += ", or joints (N, T, V, C) with as many numbers a frame" if self.row_dim == 3 else ""
            found = f"{tuple(view.data.shape)}; set in_channels as in the data"
            raise DataError(f"{type(self).__name__} takes {wanted}, but got {found}")
        return x, present

    def forward_frames(self, x: Tensor, valid: Optional[Tensor]) -> Tensor:
        """Features ``(P, T', D)`` of frames ``(P, T, ...)``; frames that are not ``valid (P, T)`` are padding."""
        raise unwritten(self, "forward_frames(x, valid)")

    def make_rows(self, rows: Tensor, valid: Optional[Tensor] = None) -> Tensor:
        """Features ``(P, T', D)`` of frames ``(P, T, ...)``."""
        return self.forward_frames(rows, valid)


class SkeletonBackbone(Backbone):
    """Base of skeleton backbones of a layout: a subclass writes ``forward_rows (P, T, V, C) -> (P, D, T', V')``."""

    modality: ClassVar[str] = "skeleton"
    layout_advice: ClassVar[str] = "set both as in the data, or remap with RemapSkeleton"

    def __init__(
        self, layout: Union[str, dict, SkeletonLayout], in_channels: int, out_channels: int, init_cfg: OptConfig = None
    ) -> None:
        super().__init__(in_channels, out_channels, init_cfg)
        self.layout = SkeletonLayout.from_config(layout)
        self.map_parts = self.layout.named_parts

    def check_input(self, x: Tensor) -> None:
        """Raise LayoutError unless ``x (..., V, C)`` has the layout and channels that the backbone is built for."""
        if tuple(x.shape[-2:]) != (self.layout.num_joints, self.in_channels):
            wanted = f"layout {self.layout.name!r} with in_channels={self.in_channels} takes (V, C) "
            wanted += f"({self.layout.num_joints}, {self.in_channels}), but got {tuple(x.shape[-2:])}"
            raise LayoutError(f"{type(self).__name__}: {wanted}; {self.layout_advice}")

    def split_persons(self, view: View) -> tuple[Tensor, Optional[Tensor]]:
        """Persons ``(N, M, T, V, C)`` and the mask of present ones ``(N, M)``."""
        return view.data, view.present

    def stack_persons(self, view: View, num_persons: int) -> tuple[Tensor, Optional[Tensor]]:
        """All persons of a clip in one row ``(N, T, V, num_persons, C)``, absent ones zero; as it is for 1."""
        self.check_input(view.data)
        if num_persons == 1:
            return view.data, view.present
        if num_persons < view.data.shape[1]:
            raise LayoutError(f"{type(self).__name__}: {num_persons=}, but clips have {view.data.shape[1]}")
        return stack_persons(view.data, view.present, num_persons)

    def forward_without(self, view: View, joints: Tensor, skip_absent: bool = True) -> FeatureMap:
        """Feature map of a view whose ``joints (J,)``, int64 on the CPU, are masked: set to zero, or left out."""
        data = view.data.index_fill(3, joints.to(view.data.device), 0.0)
        return self(view._replace(data=data), skip_absent)


class VideoBackbone(Backbone):
    """Base of video backbones: a subclass writes ``forward_rows (P, C, T, H, W) -> (P, D, T', H', W')``.

    ``channels_last`` stores maps in that memory format; results and shapes do not depend on it.
    """

    modality: ClassVar[str] = "video"
    axes: ClassVar[str] = "DTHW"
    frame_axis: ClassVar[int] = 2
    row_dim: ClassVar[int] = 5
    min_frames: int = 1  # T
    min_size: int = 1  # H and W, in pixels

    def __init__(
        self, in_channels: int, out_channels: int, channels_last: bool = True, init_cfg: OptConfig = None
    ) -> None:
        super().__init__(in_channels, out_channels, init_cfg)
        self.channels_last = channels_last

    def init_weights(self) -> None:
        """Initialize convolutions as He et al. (2015), then by ``init_cfg``."""
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        super().init_weights()

    def order_weights(self) -> None:
        """Convert the weights to the memory format of the maps; a subclass calls it after creating its layers."""
        if self.channels_last:
            self.to(memory_format=torch.channels_last_3d)

    def split_persons(self, view: View) -> tuple[Tensor, Optional[Tensor]]:
        """Tracks ``(N, K, C, T, H, W)`` and their presence ``(N, K)``; a clip ``(N, C, T, H, W)`` is one track."""
        x, present = super().split_persons(view)
        name = type(self).__name__
        if x.dim() != 6 or x.shape[2] != self.in_channels:
            wanted = f"clips (N, C, T, H, W), or tracks (N, K, C, T, H, W), with C = in_channels = {self.in_channels}"
            found = f"{tuple(view.data.shape)}; color has 3 channels and optical flow 2"
            raise DataError(f"{name} takes {wanted}, but got {found}")
        if x.shape[3] < self.min_frames or min(x.shape[4:]) < self.min_size:
            wanted = f"{self.min_frames} frames or more of at least {self.min_size} x {self.min_size} pixels"
            found = f"T x H x W = {x.shape[3]} x {x.shape[4]} x {x.shape[5]}; take longer or larger clips"
            raise DataError(f"{name} needs {wanted}, but got {found}")
        return x, present

    def in_memory_order(self, x: Tensor) -> Tensor:
        """Rows ``(P, C, T, H, W)`` in the memory format of the weights."""
        return x.contiguous(memory_format=torch.channels_last_3d if self.channels_last else torch.contiguous_format)


def stage_depth(self: Any, param_name: str) -> tuple[int, int]:
    """Method of residual networks: a parameter's layer by ``layer<stage>.<block>``, 0 elsewhere; number of layers."""
    part, _, rest = param_name.partition(".")
    total = sum(self.num_blocks) + 2
    if not re.fullmatch(r"layer\d", part):
        return 0, total
    return sum(self.num_blocks[: int(part[-1]) - 1]) + int(rest.split(".")[0]) + 1, total
