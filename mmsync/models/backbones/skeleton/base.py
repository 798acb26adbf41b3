"""What every skeleton backbone shares: the layout it was built for."""

from __future__ import annotations

from typing import ClassVar, Optional, Union

from torch import Tensor

from mmsync.errors import LayoutError
from mmsync.models.backbones.base import Backbone
from mmsync.structures import SkeletonLayout, View


class SkeletonBackbone(Backbone):
    """Base of skeleton backbones: a subclass writes ``forward_rows (P, T, V, C) -> (P, D, T', V')``.

    Args:
        layout: Name or config of the layout that the backbone is built for.
        in_channels: C, coordinates (times streams) a joint.
        out_channels: D.
        init_cfg: MMEngine's initialisation config.
    """

    modality: ClassVar[str] = "skeleton"

    def __init__(
        self,
        layout: Union[str, dict, SkeletonLayout],
        in_channels: int,
        out_channels: int,
        init_cfg: Optional[dict] = None,
    ) -> None:
        super().__init__(in_channels, out_channels, init_cfg)
        self.layout = SkeletonLayout.from_config(layout)

    def check_input(self, x: Tensor) -> None:
        """Raises LayoutError if ``x (..., V, C)`` is not of the layout and channels that the backbone is built for."""
        if tuple(x.shape[-2:]) != (self.layout.num_joints, self.in_channels):
            raise LayoutError(
                f"{type(self).__name__} is built for layout {self.layout.name!r} with in_channels={self.in_channels}, "
                f"so for (V, C) = ({self.layout.num_joints}, {self.in_channels}), and got {tuple(x.shape[-2:])}. Set "
                "the backbone's layout and in_channels to those of the data (a stream of two parts has twice the "
                "channels), or remap the data with the transform RemapSkeleton"
            )

    def split_persons(self, view: View) -> tuple[Tensor, Optional[Tensor]]:
        """Persons ``(N, M, T, V, C)`` and who is present ``(N, M)``."""
        return view.data, view.present
