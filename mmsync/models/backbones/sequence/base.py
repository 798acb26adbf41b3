"""Base class of backbones of sequences."""

from __future__ import annotations

from typing import ClassVar, Optional

from torch import Tensor

from mmsync.models.backbones.base import Backbone
from mmsync.ops.persons import pack_persons
from mmsync.structures import FeatureMap, View


class SequenceBackbone(Backbone):
    """Base of backbones of whole sequences: a subclass writes ``forward_frames (P, T, C) -> (P, T', D)``.

    For joints ``(P, T, V, C)``, set ``row_dim = 4``.
    """

    modality: ClassVar[str] = "sequence"
    axes: ClassVar[str] = "TD"
    row_dim: ClassVar[int] = 3

    def forward_frames(self, x: Tensor, valid: Optional[Tensor]) -> Tensor:
        """Features ``(P, T', D)`` of frames ``(P, T, ...)``; frames that are not ``valid (P, T)`` are padding."""
        raise NotImplementedError

    def forward(self, view: View, skip_absent: bool = True) -> FeatureMap:
        """Feature map ``(N, T', D)`` of a view ``(N, T, ...)``; see :meth:`Backbone.forward`."""
        data, present = self.split_persons(view)
        rows, owner, present = pack_persons(data, present, skip_absent)
        out = self.forward_frames(rows, None if view.valid is None else view.valid[owner])
        valid, index = view.after_stride(out.shape[1])
        return FeatureMap(out, owner, len(data), present, valid, index, self.axes)
