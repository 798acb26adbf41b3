"""Base class of skeleton backbones, which are built for one layout."""

from __future__ import annotations

from typing import ClassVar, Optional, Union

from torch import Tensor

from mmsync.errors import LayoutError
from mmsync.models.backbones.base import Backbone
from mmsync.registry import OptConfig
from mmsync.structures import SkeletonLayout, View


class SkeletonBackbone(Backbone):
    """Base of skeleton backbones of a layout: a subclass writes ``forward_rows (P, T, V, C) -> (P, D, T', V')``."""

    modality: ClassVar[str] = "skeleton"

    def __init__(
        self, layout: Union[str, dict, SkeletonLayout], in_channels: int, out_channels: int, init_cfg: OptConfig = None
    ) -> None:
        super().__init__(in_channels, out_channels, init_cfg)
        self.layout = SkeletonLayout.from_config(layout)

    def check_input(self, x: Tensor) -> None:
        """Raise LayoutError unless ``x (..., V, C)`` has the layout and channels that the backbone is built for."""
        if tuple(x.shape[-2:]) != (self.layout.num_joints, self.in_channels):
            raise LayoutError(
                f"{type(self).__name__}: layout {self.layout.name!r} with in_channels={self.in_channels} takes (V, C) "
                f"({self.layout.num_joints}, {self.in_channels}), but got {tuple(x.shape[-2:])}; set both to those of "
                "the data, or remap the data with RemapSkeleton"
            )

    def split_persons(self, view: View) -> tuple[Tensor, Optional[Tensor]]:
        """Persons ``(N, M, T, V, C)`` and the mask of present ones ``(N, M)``."""
        return view.data, view.present
