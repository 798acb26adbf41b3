"""What every skeleton backbone shares: the layout it was built for, and the folding of persons."""

from __future__ import annotations

from typing import ClassVar, Optional, Union

from mmengine.model import BaseModule
from torch import Tensor

from mmsync.errors import LayoutError
from mmsync.ops.persons import PackedPersons, pack_persons
from mmsync.structures import SkeletonLayout


class SkeletonBackbone(BaseModule):
    """Base of skeleton backbones: a subclass writes ``forward_persons (P, T, V, C) -> (P, D, T', V')``.

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
        super().__init__(init_cfg)
        self.layout = SkeletonLayout.from_config(layout)
        self.in_channels = in_channels
        self.out_channels = out_channels

    def forward_persons(self, x: Tensor) -> Tensor:
        """Feature map of single persons, ``(P, T, V, C)`` to ``(P, D, T', V')``."""
        raise NotImplementedError

    def check_input(self, x: Tensor) -> None:
        """Raises LayoutError if ``x (..., V, C)`` is not of the layout and channels that the backbone is built for."""
        if tuple(x.shape[-2:]) != (self.layout.num_joints, self.in_channels):
            raise LayoutError(
                f"{type(self).__name__} is built for layout {self.layout.name!r} with in_channels={self.in_channels}, "
                f"so for (V, C) = ({self.layout.num_joints}, {self.in_channels}), and got {tuple(x.shape[-2:])}. Set "
                "the backbone's layout and in_channels to those of the data (a stream of two parts has twice the "
                "channels), or remap the data with the transform RemapSkeleton"
            )

    def fold_persons(self, x: Tensor, mask: Optional[Tensor]) -> tuple[Tensor, Optional[Tensor]]:
        """``x (N, M, T, V, C)`` and ``mask (N, M)`` with whom the backbone sees together as one person: nobody."""
        return x, mask

    def forward_packed(self, x: Tensor, mask: Optional[Tensor] = None, skip_absent: bool = True) -> PackedPersons:
        """Feature maps ``(P, D, T', V')`` of a batch ``(N, M, T, V, C)`` with the sample of each, for pooling."""
        packed = pack_persons(*self.fold_persons(x, mask), skip_absent)
        return packed._replace(data=self.forward_persons(packed.data))

    def forward(self, x: Tensor, mask: Optional[Tensor] = None) -> Tensor:
        """Feature map of a batch.

        Args:
            x: ``(N, M, T, V, C)``.
            mask: ``(N, M)`` bool; absent persons are not computed and have zero features. ``None``: all are there.

        Returns:
            Tensor: ``(N, M, D, T', V')``.

        Raises:
            LayoutError: Wrong joints or channels.
        """
        x, mask = self.fold_persons(x, mask)
        n, m = x.shape[:2]
        data = self.forward_persons(pack_persons(x, mask).data)
        if len(data) < n * m and mask is not None:
            rows = mask.reshape(-1).nonzero().squeeze(1)
            data = data.new_zeros(n * m, *data.shape[1:]).index_copy(0, rows, data)
        return data.unflatten(0, (n, m))
