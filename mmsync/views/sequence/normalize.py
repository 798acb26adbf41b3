"""Which normalization of skeletons a config means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Optional, Union

from torch import Tensor

from mmsync.errors import ConfigError, did_you_mean, nearest
from mmsync.ops.skeleton_align import ALIGNMENTS, align_frames, align_frames_2d
from mmsync.structures import SkeletonLayout
from mmsync.views.sequence.augmentation import Align

Normalize = Union[None, str, Mapping[str, Any]]

_OF_LAYOUT = {"openpose25": "body25", "hands42": "hands42", "coco17": "ikea17", "ntu25": "ntu25", "smpl24": "smpl24"}
_FORMS = "dict(z=(a, b), x=(c, d), scale=True), in 2D dict(hips=(a, b), shoulders=(c, d), per_frame=False)"


def normalizer(normalize: Normalize, layout: Optional[SkeletonLayout]) -> Optional[Align]:
    """The function that ``normalize`` means, of joints ``(N, T, V, C)`` and valid frames ``(N, T)``; ConfigError."""
    if normalize is None:
        return None
    if isinstance(normalize, str):
        return normalizer(_named(normalize, layout), layout)
    if not isinstance(normalize, Mapping):
        raise ConfigError(f"normalize={normalize!r}; give a name, or {_FORMS}")
    keys = set(normalize)
    if {"z", "x"} <= keys <= {"z", "x", "scale"}:
        z, x = (_pair(name, normalize[name], layout) for name in ("z", "x"))
        return partial(_in_3d, z=z, x=x, scale=bool(normalize.get("scale", True)))
    if {"hips", "shoulders"} <= keys <= {"hips", "shoulders", "per_frame"}:
        hips, shoulders = (_pair(name, normalize[name], layout) for name in ("hips", "shoulders"))
        return partial(_in_2d, hips=hips, shoulders=shoulders, per_frame=bool(normalize.get("per_frame", False)))
    raise ConfigError(f"normalize has {', '.join(map(str, normalize)) or 'no keys'}; give {_FORMS}")


def _in_3d(joints: Tensor, valid: Tensor, **arguments: Any) -> Tensor:
    if joints.shape[-1] != 3:
        text = f"normalize is of joints in 3D, but they have {joints.shape[-1]} coordinates"
        raise ConfigError(f"SequencePreprocessor: {text}; use normalize='torso2d' in 2D, or None")
    return align_frames(joints, **arguments)


def _in_2d(joints: Tensor, valid: Tensor, **arguments: Any) -> Tensor:
    return align_frames_2d(joints, valid=valid, **arguments)


def _named(name: str, layout: Optional[SkeletonLayout]) -> Mapping[str, Any]:
    if name == "torso2d":
        return {part: tuple(f"{side}_{part[:-1]}" for side in ("left", "right")) for part in ("hips", "shoulders")}
    if name == "casa":
        kind = None if layout is None else _OF_LAYOUT.get(layout.name)
        if kind is None:
            known = ", ".join(_OF_LAYOUT)
            raise ConfigError(f"normalize='casa' knows layouts {known}, not {layout}; give dict(z=(a, b), x=(c, d))")
        name = kind
    if name not in ALIGNMENTS:
        names = ["casa", "torso2d", *ALIGNMENTS]
        hint = did_you_mean(nearest(name, names))
        raise ConfigError(f"normalize={name!r}{hint}; there are {', '.join(names)}, and {_FORMS}")
    return ALIGNMENTS[name]


def _pair(name: str, value: Any, layout: Optional[SkeletonLayout]) -> tuple[int, int]:
    """Two joints by index, or by name in the layout."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise ConfigError(f"normalize: {name}={value!r}; give two joints")
    if layout is not None:
        return layout.joint(value[0]), layout.joint(value[1])
    if not all(isinstance(joint, int) for joint in value):
        raise ConfigError(f"normalize: {name}={value!r} are names of joints; give SequencePreprocessor their layout")
    return value[0], value[1]
