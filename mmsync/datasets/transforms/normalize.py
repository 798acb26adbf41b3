"""Origin, orientation and layout of clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Union

import numpy as np
from mmcv.transforms import BaseTransform

from mmsync.errors import ConfigError, LayoutError
from mmsync.registry import TRANSFORMS
from mmsync.structures import SkeletonLayout, remap_index, remap_matrix

from .temporal import frames_with_data

Joint = Union[int, str]
SHOULDERS = ("left_shoulder", "right_shoulder")


def need_3d(results: dict, who: str) -> None:
    """Raise a ``ConfigError`` if the clips of a transform ``who`` are 2D."""
    if results["num_coords"] != 3:
        raise ConfigError(f"{who} turns bodies in space; the clips of layout {results['layout']} are 2D")


def shoulders_parallel(keypoint: np.ndarray, left: int, right: int) -> np.ndarray:
    """Turn each frame of each person in ``(M, T, V, C)``, first channels x, y, z, about y; see :class:`ParallelToX`."""
    line = keypoint[:, :, right] - keypoint[:, :, left]
    x, z = line[..., 0], line[..., 2]
    angle = np.arccos(np.clip(x / (np.hypot(x, z) + 1e-4), -1, 1))
    angle *= np.where(z.sum(1, keepdims=True) >= 0, -1, 1)
    cos, sin = np.cos(angle)[..., None], np.sin(angle)[..., None]
    out = keypoint.copy()
    out[..., 0] = cos * keypoint[..., 0] - sin * keypoint[..., 2]
    out[..., 2] = sin * keypoint[..., 0] + cos * keypoint[..., 2]
    return out


@TRANSFORMS.register_module()
class CenterOnJoint(BaseTransform):
    """Move a joint of ``(M, T, V, C)`` into the origin; frames in which a person is not seen stay zero.

    Args:
        joint: Joint name or index; ``'center'`` is the layout's.
        frame: ``'first'``: where the joint is in the person's first frame, so that motion through the room is kept;
            ``'each'``: frame by frame.
        person: ``'first'``: all persons go with the first one that is there, so that their distance is kept;
            ``'each'``: each on its own.
    """

    def __init__(
        self,
        joint: Joint = "center",
        frame: Literal["first", "each"] = "first",
        person: Literal["first", "each"] = "first",
    ) -> None:
        for key, value in (("frame", frame), ("person", person)):
            if value not in ("first", "each"):
                raise ConfigError(f"CenterOnJoint: {key}={value!r}; give 'first' or 'each'")
        self.joint, self.frame, self.person = joint, frame, person

    def transform(self, results: dict) -> dict:
        keypoint, num_coords = results["keypoint"], results["num_coords"]
        present = seen = frames_with_data(keypoint)
        origin = keypoint[:, :, results["layout"].joint(self.joint), :num_coords]
        if self.person == "first":
            main = present.any(1).argmax()
            origin, seen = origin[main : main + 1], present[main : main + 1]
        # where the person is not seen, its last place holds, or its first one before that
        index = seen.argmax(1)[:, None]
        if self.frame == "each":
            index = np.maximum.accumulate(np.where(seen, np.arange(seen.shape[1]), index), axis=1)
        out = keypoint.copy()
        out[..., :num_coords] -= np.take_along_axis(origin, index[..., None], axis=1)[:, :, None]
        out[~present] = 0
        results["keypoint"] = out
        return results


@TRANSFORMS.register_module()
class ParallelToX(BaseTransform):
    """Turn every frame of every person in ``(M, T, V, 3)`` about y until the shoulders lie along x.

    The rule of AimCLR (Guo et al., AAAI 2022) and CrosSCLR: the sense of rotation is one for the whole clip, so frames
    that face the other way are turned wrongly. ``AlignView`` keeps the motion of the body instead.

    Args:
        left: The joint where the line begins.
        right: The joint where it ends.
    """

    def __init__(self, left: Joint = SHOULDERS[0], right: Joint = SHOULDERS[1]) -> None:
        self.left, self.right = left, right

    def transform(self, results: dict) -> dict:
        need_3d(results, "ParallelToX")
        joint = results["layout"].joint
        results["keypoint"] = shoulders_parallel(results["keypoint"], joint(self.left), joint(self.right))
        return results


@TRANSFORMS.register_module()
class AlignView(BaseTransform):
    """Turn a clip ``(M, T, V, 3)`` once about the vertical until the first person faces along one axis.

    One rotation for all frames and persons, about the origin: turning and walking of the body, and the positions of
    persons relative to each other, are kept. The line's median horizontal direction ends along +x.

    Args:
        line: The joints where the line begins and ends: shoulders, or ``('left_hip', 'right_hip')``.
        vertical: The vertical axis of the data, ``'y'`` (Kinect) or ``'z'``; up or down does not matter.
    """

    def __init__(self, line: Sequence[Joint] = SHOULDERS, vertical: Literal["y", "z"] = "y") -> None:
        if len(line) != 2 or vertical not in ("y", "z"):
            raise ConfigError(f"AlignView: line={line}, vertical={vertical!r}; give two joints, and 'y' or 'z'")
        self.line, self.across = tuple(line), {"y": 2, "z": 1}[vertical]

    def transform(self, results: dict) -> dict:
        need_3d(results, "AlignView")
        keypoint, plane = results["keypoint"], [0, self.across]
        left, right = (results["layout"].joint(j) for j in self.line)
        present = frames_with_data(keypoint)
        main = present.any(1).argmax()
        body = keypoint[main, present[main]]
        if len(body):
            x, z = np.median(body[:, right, plane] - body[:, left, plane], axis=0)
            size = np.hypot(x, z)
            if size > 1e-6:  # else the line stands upright and there is nothing to turn
                out = keypoint.copy()
                out[..., plane] = keypoint[..., plane] @ (np.array([[x, -z], [z, x]], keypoint.dtype) / size)
                results["keypoint"] = out
        return results


@TRANSFORMS.register_module()
class ScaleToBody(BaseTransform):
    """Scale clips ``(M, T, V, C)`` until the bones of the first person have a given mean length.

    One factor for all frames and persons, so that neither the unit of the data nor the size of the person or the
    distance from the camera is left. A bone counts with the 90th percentile of its lengths over time, because pictures
    show it shortened, never longer. Frames without one of its joints (zero) do not count: put the transform before what
    moves the origin.

    Args:
        bone_length: Mean length of the bones to make; 0.25 is about that of an adult in meters.
    """

    def __init__(self, bone_length: float = 0.25) -> None:
        if not bone_length > 0:
            raise ConfigError(f"ScaleToBody: bone_length={bone_length}; give a length above 0")
        self.bone_length = bone_length

    def transform(self, results: dict) -> dict:
        keypoint, num_coords = results["keypoint"], results["num_coords"]
        points = keypoint[frames_with_data(keypoint).any(1).argmax(), ..., :num_coords]
        bones = [(child, parent) for child, parent in results["layout"].bones if child != parent]
        child, parent = np.array(bones, dtype=int).reshape(-1, 2).T
        length = np.linalg.norm(points[:, child] - points[:, parent], axis=-1)
        found = points.any(axis=-1)
        length = np.where(found[:, child] & found[:, parent], length, np.nan)
        length = length[:, np.isfinite(length).any(0)]
        size = np.nanpercentile(length, 90, axis=0).mean() if length.size else 0
        if size > 0:
            out = keypoint.copy()
            out[..., :num_coords] *= self.bone_length / size
            results["keypoint"] = out
        return results


@TRANSFORMS.register_module()
class ScaleAxes(BaseTransform):
    """Bring the axes of clips ``(M, T, V, C)`` to one unit.

    Args:
        factors: What each coordinate is multiplied by, as many as there are.

    Raises:
        ConfigError: Other than as many factors as coordinates.
    """

    def __init__(self, factors: Sequence[float]) -> None:
        self.factors = np.array(factors, dtype=np.float32)

    def transform(self, results: dict) -> dict:
        keypoint, num_coords = results["keypoint"].copy(), results["num_coords"]
        if self.factors.shape != (num_coords,):
            text = f"factors={self.factors.tolist()}, but the clips have {num_coords} coordinates"
            raise ConfigError(f"ScaleAxes: {text}; give one factor for each")
        keypoint[..., :num_coords] *= self.factors
        results["keypoint"] = keypoint
        return results


@TRANSFORMS.register_module()
class RemapSkeleton(BaseTransform):
    """Convert clips ``(M, T, V, C)`` from one layout to another, ``(M, T, V', C)``.

    Joints that the data lack are means of others; the score of a mean is the lowest of its parts.

    Args:
        src: Layout of the data.
        dst: Layout to make.

    Raises:
        LayoutError: There is no such remap; the message names those that exist.
    """

    def __init__(self, src: Union[str, Mapping, SkeletonLayout], dst: Union[str, Mapping, SkeletonLayout]) -> None:
        self.src, self.dst = SkeletonLayout.from_config(src), SkeletonLayout.from_config(dst)
        self.index = remap_index(self.src, self.dst)
        self.simple = [i[0] for i in self.index] if all(len(i) == 1 for i in self.index) else None
        self.matrix = remap_matrix(self.src, self.dst).astype(np.float32)

    def output_layout(self, layout: SkeletonLayout) -> SkeletonLayout:
        """The layout after the transform, for data of ``layout``; a ``LayoutError`` if that is not ``src``."""
        if layout != self.src:
            raise LayoutError(f"RemapSkeleton: src={self.src.name!r}, but the clips are {layout.name!r}")
        return self.dst

    def transform(self, results: dict) -> dict:
        results["layout"] = self.output_layout(results["layout"])
        keypoint = results["keypoint"]
        out = self.matrix @ keypoint if self.simple is None else keypoint[:, :, self.simple]
        if self.simple is None:
            for channel in range(results["num_coords"], keypoint.shape[-1]):
                score = np.where(self.matrix > 0, keypoint[..., channel][:, :, None], np.inf)
                out[..., channel] = score.min(-1)
        results["keypoint"] = out
        return results
