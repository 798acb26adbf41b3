"""Small random inputs of every modality."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

import torch
from torch import Tensor, nn

from mmsync.errors import ContractError
from mmsync.ops.persons import pack_persons
from mmsync.structures import FRAME_AXIS, FeatureMap, MotionSample, SkeletonLayout, View


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def skeletons(layout: str = "ntu25", channels: int = 3, absent: bool = True, n: int = 4, frames: int = 16) -> View:
    """Skeletons ``(N, 2, T, V, C)``; with ``absent``, all clips but the first have one person."""
    joints = SkeletonLayout.from_config(layout).num_joints
    x = torch.randn(n, 2, frames, joints, channels, generator=_seeded())
    mask = torch.ones(n, 2, dtype=torch.bool)
    if absent:
        mask[1:, 1] = False
        x[~mask] = 0
    return View(x, mask)


def tracks(n: int = 4, frames: int = 16, size: int = 8) -> View:
    """Video of two tracks ``(N, 2, 3, T, H, W)`` in [-1, 1], where all samples but the first have one."""
    present = torch.ones(n, 2, dtype=torch.bool)
    present[1:, 1] = False
    return View(torch.rand(n, 2, 3, frames, size, size, generator=_seeded()) * 2 - 1, present)


def spectrograms(n: int = 4, bands: int = 12, frames: int = 10) -> View:
    """Spectrograms ``(N, 1, F, T)``."""
    return View(torch.randn(n, 1, bands, frames, generator=_seeded()))


def sequences(n: int = 4, frames: int = 10, channels: int = 6) -> View:
    """Sequences ``(N, T, C)`` of different lengths, with the frames of the source that they show."""
    lengths = torch.arange(frames, frames - n, -1)
    valid = torch.arange(frames) < lengths[:, None]
    data = torch.randn(n, frames, channels, generator=_seeded())
    return View(data, None, valid, 2.0 * torch.arange(frames).expand(n, -1))


_EXAMPLES: dict[str, Callable[[], View]] = {
    "skeleton": skeletons,
    "video": tracks,
    "audio": spectrograms,
    "sequence": sequences,
}


def example_view(modality: str) -> View:
    """A batch of a modality, for augmentations; a ContractError for a modality that mmsync has not."""
    if modality not in _EXAMPLES:
        raise ContractError(f"no example of modality {modality!r}; give the check a view of your own")
    return _EXAMPLES[modality]()


def view_for(backbone: Any, absent: bool = True, n: int = 4) -> View:
    """A batch that a backbone takes, by its modality, layout, channels and least size."""
    if backbone.modality == "skeleton":
        return skeletons(backbone.layout, backbone.in_channels, absent, n)
    if backbone.modality == "video":
        shape = (n, backbone.in_channels, backbone.min_frames, backbone.min_size, backbone.min_size)
        return View(torch.randn(shape, generator=_seeded()))
    if backbone.modality == "audio":
        frames = max(10, backbone.min_frames)
        bands = [] if backbone.row_dim == 3 else [max(12, backbone.min_bands)]
        return View(torch.randn(n, backbone.in_channels, *bands, frames, generator=_seeded()))
    return example_view(backbone.modality)


def example_samples(n: int = 4, label: int = 0) -> list[MotionSample]:
    """Samples of a data set of pairs: of each its own ``instance``, every second one ``positive``."""
    fields = (dict(name=f"s{i}", index=i, instance=i, positive=i % 2) for i in range(n))
    return [MotionSample(gt_label=label, metainfo=row) for row in fields]


def longer(view: View, modality: str, frames: int) -> View:
    """A view with further random frames at the end, none of them padding."""
    axis = FRAME_AXIS.get(modality, -1)
    more = view.data.movedim(axis, 0)
    new = torch.randn((frames, *more.shape[1:]), generator=_seeded())
    return View(torch.cat([more, new]).movedim(0, axis), view.present)


def example_map(axes: str = "DTV", channels: int = 8, present: Optional[Tensor] = None) -> FeatureMap:
    """A feature map of 4 samples of up to 2 persons, 4 steps, 5 joints, and 3 places on other axes of space."""
    shape = [{"D": channels, "T": 4, "V": 5}.get(letter, 3) for letter in axes]
    if present is None:
        present = skeletons().present
    rows, owner, kept = pack_persons(torch.randn(4, 2, *shape, generator=_seeded()), present)
    return FeatureMap(rows, owner, 4, kept, axes=axes)


def encoders_of(model: nn.Module) -> list[nn.Module]:
    """The encoders of a method, in the order of their names."""
    missing = [name for name in model.encoders if not isinstance(getattr(model, name, None), nn.Module)]  # type: ignore
    if missing:
        raise ContractError(f"{type(model).__name__}: encoders names {missing[0]!r}, but there is no such module")
    return [getattr(model, name) for name in model.encoders]  # type: ignore[union-attr]
