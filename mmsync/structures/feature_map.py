"""The feature map that every backbone returns, whatever its modality."""

from __future__ import annotations

from typing import NamedTuple, Optional

from torch import Tensor

from mmsync.ops.persons import group_mean


class FeatureMap(NamedTuple):
    """Feature maps of P rows, one for each person, track or clip that is computed.

    Attributes:
        data: ``(P, ...)``; ``axes`` names the axes behind P.
        owner: ``(P,)`` int64, the sample that each row belongs to, ascending.
        num_samples: Number of samples N.
        present: ``(P,)`` bool, False for persons that are computed although they are absent; ``None``: all present.
        valid: ``(N, T')`` bool, which frames count; ``None``: all.
        index: ``(N, T')`` float, the source frame that each step shows; ``None``: unknown.
        axes: One letter for each axis behind P: D channels, T' frames (``'T'``), and space, which is pooled away:
            joints ``'V'``, height and width ``'H'``, ``'W'``, frequency ``'F'``.
    """

    data: Tensor
    owner: Tensor
    num_samples: int
    present: Optional[Tensor] = None
    valid: Optional[Tensor] = None
    index: Optional[Tensor] = None  # type: ignore[assignment]  # hides tuple.index, which no one needs
    axes: str = "DTV"

    def problem(self, channels: int) -> Optional[str]:
        """What is wrong with the shape of a map of ``channels`` D, and how it should be; ``None`` if nothing is."""
        if "D" not in self.axes or len(set(self.axes)) < len(self.axes) or set(self.axes) - set("DTVHWF"):
            return f"axes={self.axes!r}; name each axis behind P once: D, T, and V, H, W or F"
        if self.data.dim() != len(self.axes) + 1:
            return f"the map is {tuple(self.data.shape)}, but axes={self.axes!r} name {len(self.axes)} axes behind P"
        found = self.data.shape[self.axis("D")]
        if found != channels:
            shape = f"the map is {tuple(self.data.shape)}, (P, {', '.join(self.axes)}) by axes={self.axes!r}"
            return f"{shape}: D is {found}, but out_channels={channels}; are the axes in another order?"
        if self.owner.shape != self.data.shape[:1]:
            return f"owner is {tuple(self.owner.shape)} for {len(self.data)} rows; name the sample of each row"
        return None

    def axis(self, letter: str) -> int:
        """Position of an axis in ``data``."""
        return self.axes.index(letter) + 1

    def frames(self) -> Tensor:
        """Mean over space: ``(P, T', D)``; ``(P, 1, D)`` of a map without frames."""
        space = [self.axis(letter) for letter in self.axes if letter not in "DT"]
        data = self.data.mean(space) if space else self.data
        if "T" not in self.axes:
            return data.unsqueeze(1)
        return data if self.axes.index("T") < self.axes.index("D") else data.transpose(1, 2)

    def clips(self) -> Tensor:
        """Mean over space and over the frames that count: ``(P, D)``."""
        if self.valid is None or "T" not in self.axes:
            rest = [self.axis(letter) for letter in self.axes if letter != "D"]
            return self.data.mean(rest) if rest else self.data
        weight = self.valid[self.owner].to(self.data.dtype).unsqueeze(-1)
        return (self.frames() * weight).sum(1) / weight.sum(1).clamp(min=1)

    def grid(self) -> Tensor:
        """The map as ``(P, D, T', S)``, whatever its axes: S places of space, T' = 1 without frames."""
        moved = self.data.permute(0, *self._grid_order())
        frames = moved.shape[2] if "T" in self.axes else 1
        return moved.reshape(*moved.shape[:2], frames, -1)

    def with_grid(self, grid: Tensor) -> FeatureMap:
        """The same map with data ``(P, D, T', S)`` as of :meth:`grid`."""
        order = [0, *self._grid_order()]
        back = sorted(range(len(order)), key=order.__getitem__)
        return self._replace(data=grid.reshape([self.data.shape[i] for i in order]).permute(back))

    def _grid_order(self) -> list[int]:
        """Positions in ``data`` of D, T' and the axes of space."""
        return [self.axis(letter) for letter in sorted(self.axes, key=lambda letter: ("DT" + self.axes).index(letter))]

    def mean_persons(self, rows: Tensor, count_absent: bool = False) -> Tensor:
        """Mean of ``rows (P, ...)`` over each sample's persons, ``(N, ...)``; zero for a sample with nobody."""
        return group_mean(rows, self.owner, self.num_samples, None if count_absent else self.present)
