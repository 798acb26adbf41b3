"""The preparation of raw NTU RGB+D recordings by published code, each as one transform over the lossless store.

A clip of the store has one row for each body that the sensor tracked, ``(M, T, V, 3)``, and ``body_slots (M, T)`` hold
the position at which the raw file listed it. Sources without ``body_slots`` hold chosen persons already: these are
taken as the tracked bodies, and their order as the order of the file.
"""

from __future__ import annotations

from typing import Literal, Optional

import numpy as np
from mmcv.transforms import BaseTransform

from mmsync.errors import ConfigError, DataError
from mmsync.registry import TRANSFORMS

from .normalize import SHOULDERS, Joint, need_3d, shoulders_parallel
from .temporal import frames_with_data, resize_clip

# Thresholds of CTR-GCN's denoising (Chen et al., ICCV 2021), which PYSKL took over.
MIN_LENGTH = 12  # frames; a body that was seen for fewer is noise
MAX_SPREAD = 0.8  # a frame is noise whose body is wider than this share of its height
MAX_NOISY = 0.69754  # a body is noise if this share of its frames is
AGCN_CANDIDATES = 4  # bodies of a frame that 2s-AGCN looks at
AGCN_FRAMES = 300  # frames that its files have room for


def _bodies(results: dict, who: str) -> tuple[np.ndarray, np.ndarray]:
    """Tracked bodies ``(M, T, V, 3)`` and their places in the file's lists ``(M, T)``, -1 where not seen."""
    need_3d(results, who)
    keypoint, slots = results["keypoint"][..., :3], results.get("body_slots")
    if slots is None:
        slots = np.where(frames_with_data(keypoint), np.arange(len(keypoint))[:, None], -1)
    if slots.shape != keypoint.shape[:2]:
        raise ConfigError(f"{who} chooses among all bodies of a raw clip: put it first in the pipeline")
    return keypoint, slots


def _done(results: dict, keypoint: np.ndarray) -> dict:
    results.pop("body_slots", None)
    results["keypoint"] = keypoint.astype(np.float32, copy=False)
    results["person_mask"] = keypoint.any(axis=(1, 2, 3))
    return results


def file_order(keypoint: np.ndarray, slots: np.ndarray, num: int) -> np.ndarray:
    """The first ``num`` bodies of each frame by ``slots (M, T)``, whoever they are: ``(num, T, V, C)``, else zeros."""
    out = np.zeros((num, *keypoint.shape[1:]), keypoint.dtype)
    body, frame = np.nonzero((slots >= 0) & (slots < num))
    out[slots[body, frame], frame] = keypoint[body, frame]
    return out


def two_actors(keypoint: np.ndarray, present: np.ndarray, shared: int = 1) -> np.ndarray:
    """Drop ghosts and join broken tracks: CTR-GCN's denoising (Chen et al., ICCV 2021).

    Of bodies ``(M, T, V, 3)`` in the order of appearance, which are there in frames ``present (M, T)`` bool, it makes
    ``(1 or 2, F, V, 3)`` for the ``F`` frames with bodies. Bodies that were seen too shortly or lie flat are dropped;
    the others, the one that moves most first, become person 1, or person 2 where they have more than ``shared`` frames
    in common with person 1: one in CTR-GCN, none in PYSKL. As in the release, a body that leaves and comes back counts
    on from where it left.
    """
    frames = int(present.any(0).sum())
    if not frames:
        raise DataError("no body in any frame")
    before = present.any(0).cumsum() - 1  # the frame's number among those with bodies
    bodies = [points[seen] for points, seen in zip(keypoint, present)]
    starts = before[present.argmax(1)]
    left = [m for m, body in enumerate(bodies) if len(body)]
    if len(left) > 1:
        longest = max(len(bodies[m]) for m in left)
        left = [m for m in left if len(bodies[m]) >= MIN_LENGTH]
        if not left:
            raise DataError(f"{len(bodies)} bodies, none seen for {MIN_LENGTH} frames (the longest for {longest})")
        left = _by_motion(bodies, left)

    out = np.zeros((min(len(left), 2), frames, *keypoint.shape[2:]), keypoint.dtype)
    hulls = [(starts[left[0]], starts[left[0]] + len(bodies[left[0]]) - 1), (0, -1)]
    for rank, m in enumerate(left):
        start, end = starts[m], starts[m] + len(bodies[m]) - 1
        for person, (low, high) in enumerate(hulls):
            if rank == 0 or min(high, end) - max(low, start) + 1 <= shared:
                out[person, start : end + 1] = bodies[m]
                hulls[person] = (min(low, start), max(high, end))
                break
    return out


def _by_motion(bodies: list[np.ndarray], left: list[int]) -> list[int]:
    """The bodies that do not lie flat, the one that moves most first."""
    motion = {}
    remaining = len(left)
    for m in left:
        body = bodies[m].astype(np.float64)
        spread = np.ptp(body[..., :2], axis=1)
        noisy = (spread[:, 0] > MAX_SPREAD * spread[:, 1]) & (remaining > 1)  # the last one left stays as it is
        if noisy.mean() >= MAX_NOISY:
            remaining -= 1
        else:
            motion[m] = min(body.var(axis=(0, 1)).sum(), body[~noisy].var(axis=(0, 1)).sum())
    return sorted(motion, key=lambda m: -motion[m])


def turn_onto(vector: np.ndarray, axis: int) -> np.ndarray:
    """The rotation ``(3, 3)`` that turns a vector ``(3,)`` onto an axis 0, 1 or 2 (Rodrigues' formula), if any."""
    target = np.eye(3)[axis]
    about, size = np.cross(vector, target), np.linalg.norm(vector)
    sin = np.linalg.norm(about)
    if sin < 1e-6:
        return np.eye(3)
    (x, y, z), cos = about / sin, vector[axis] / size
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + sin / size * cross + (1 - cos) * cross @ cross


def _stand_up(keypoint: np.ndarray, results: dict) -> np.ndarray:
    """Turn a clip ``(M, T, V, 3)`` until, in person 1's first frame, spine is along z and shoulders along x."""
    joint = results["layout"].joint
    for (low, high), axis in (((joint("pelvis"), joint("spine")), 2), (tuple(map(joint, SHOULDERS)), 0)):
        first = keypoint[0, 0]
        keypoint = keypoint @ turn_onto(first[high] - first[low], axis).T
    return keypoint


@TRANSFORMS.register_module()
class AimCLR50(BaseTransform):
    """Prepare a raw clip ``(M, T, V, 3)`` as AimCLR does: ``(M, length, V, 3)``.

    With ``body_slots``, the first two bodies of each frame are taken in the file's order. Longer clips than
    ``max_frames`` lose both ends (no clip of NTU is, many of PKU-MMD are). Frames are counted in which
    joint 0 of person 0 is not exactly zero, and that many are kept from the start; each frame of each person is
    centered; the clip is resized; each frame is turned parallel to x (see ``ParallelToX``). (Guo et al., AAAI 2022)

    Args:
        length: Frames to make; AimCLR takes 50, SkeleMixCLR 64.
        center: The joint for the origin.
        max_frames: Frames that the preparation has room for.
    """

    def __init__(self, length: int = 50, center: Joint = "center", max_frames: int = 300) -> None:
        if min(length, max_frames) < 1:
            raise ConfigError(f"AimCLR50: length={length}, max_frames={max_frames}; give at least one frame")
        self.length, self.center, self.max_frames = length, center, max_frames

    def transform(self, results: dict) -> dict:
        keypoint, slots = _bodies(results, "AimCLR50")
        if results.get("body_slots") is not None:
            keypoint = file_order(keypoint, slots, 2)
        cut = max(keypoint.shape[1] - self.max_frames, 0) // 2
        keypoint = keypoint[:, cut : cut + self.max_frames]
        joint = results["layout"].joint
        valid = int((np.abs(keypoint[0, :, 0]).sum(-1) != 0).sum())
        keypoint = keypoint[:, : valid or None]
        keypoint = resize_clip(keypoint - keypoint[:, :, [joint(self.center)]], self.length)
        return _done(results, shoulders_parallel(keypoint, *map(joint, SHOULDERS)))


@TRANSFORMS.register_module()
class CTRGCNPreset(BaseTransform):
    """Prepare a raw clip ``(M, T, V, 3)`` as CTR-GCN does: ``(2, F, V, 3)``.

    The two actors (:func:`two_actors`), moved so that the spine of person 1 is the origin in the first frame that has
    person 1; the way through the room and the distance of persons stay. As in the release, a body whose joints are all
    zero in a frame loses that frame if several bodies were tracked; if it is the only one, the frame is moved like the
    others. MAMP and STTFormer use the same clips. Windows are cut by ``CropResize``. (Chen et al., ICCV 2021)

    Args:
        second_person: What clips of one person have as the second: ``'zeros'``, or ``'copy'`` for the same person
            again, as MAMP's published NTU120 numbers have it.
    """

    def __init__(self, second_person: Literal["zeros", "copy"] = "zeros") -> None:
        if second_person not in ("zeros", "copy"):
            raise ConfigError(f"CTRGCNPreset: second_person={second_person!r}; give 'zeros' or 'copy'")
        self.second_person = second_person

    def transform(self, results: dict) -> dict:
        bodies, slots = _bodies(results, "CTRGCNPreset")
        actors = two_actors(bodies, slots >= 0)
        present = frames_with_data(actors)
        if not present.any():
            raise DataError("every frame is empty")
        if (slots >= 0).any(1).sum() > 1:
            actors, present = actors[:, present.any(0)], present[:, present.any(0)]
        actors = actors - actors[0, present[0].argmax(), results["layout"].joint("spine")]
        if len(actors) == 2:
            actors = actors * present[..., None, None]
        else:
            actors = np.concatenate([actors, actors if self.second_person == "copy" else np.zeros_like(actors)])
        return _done(results, actors)


@TRANSFORMS.register_module()
class AGCNPreset(BaseTransform):
    """Prepare a raw clip ``(M, T, V, 3)`` as 2s-AGCN does: ``(2, length, V, 3)``.

    Of the first four places in the file's lists the two with the largest spread over time and joints. A person that is
    not there in the first frame is moved to the start, without its empty frames; then each person is repeated until
    the end. The spine of person 1 is the origin of every frame; spine and shoulders of its first frame lie along z and
    x. skeleton-contrast, CMD and HYSP use the same clips. (Shi et al., CVPR 2019)

    Args:
        length: Frames to make; longer clips are cut. ``None``: those of the longer person, of 300 at most, so that
            only the shorter one is repeated, as CMD, which crops before it repeats anything.
    """

    def __init__(self, length: Optional[int] = 300) -> None:
        if length is not None and length < 1:
            raise ConfigError(f"AGCNPreset: length={length}; give at least one frame")
        self.length = length

    def transform(self, results: dict) -> dict:
        bodies, slots = _bodies(results, "AGCNPreset")
        places = file_order(bodies.astype(np.float64), slots, AGCN_CANDIDATES)[:, : self.length or AGCN_FRAMES]
        seen = frames_with_data(places)
        energy = [body[s].std(axis=(0, 1)).sum() if s.any() else 0.0 for body, s in zip(places, seen)]
        chosen = np.argsort(energy, kind="stable")[::-1][:2]
        ends = ((body, s) for body, s in zip(places[chosen], seen[chosen]) if s.any())
        kept = [body[: s.nonzero()[0][-1] + 1] if s[0] else body[s] for body, s in ends]
        length = self.length or max(map(len, kept), default=0)
        persons = np.zeros((2, length, *places.shape[2:]))
        for person, body in zip(persons, kept):
            person[:] = body[np.arange(length) % len(body)]
        if not persons.any():
            raise DataError("no body in any frame")
        measured = persons.any(axis=-1, keepdims=True)
        persons = (persons - persons[0, :, [results["layout"].joint("spine")]].swapaxes(0, 1)) * measured
        return _done(results, _stand_up(persons, results))


@TRANSFORMS.register_module()
class PreNormalize3D(BaseTransform):
    """PYSKL's normalization of a clip ``(M, T, V, 3)``, one or two persons: ``(M, T', V, 3)``.

    The person seen in more frames comes first, and frames without it are dropped; its joint ``center`` in the first
    frame is the origin of the clip. (Duan et al., ACM MM 2022)

    Args:
        center: The joint for the origin; PYSKL takes the spine, or -1, the last joint, for layouts other than ntu25.
            ``None`` leaves the origin.
        align: Lay spine and shoulders of the first frame along z and x.
    """

    def __init__(self, center: Optional[Joint] = "spine", align: bool = True) -> None:
        self.center, self.align = center, align

    def transform(self, results: dict) -> dict:
        need_3d(results, "PreNormalize3D")
        keypoint = results["keypoint"][..., :3]
        if len(keypoint) > 2:
            text = f"clip {results.get('name')} has {len(keypoint)}; choose among raw bodies with PYSKLPreset"
            raise ConfigError(f"PreNormalize3D knows one or two persons, {text}")
        seen = ~np.isclose(keypoint, 0).all(axis=(2, 3))
        if seen.sum(1)[0] < seen.sum(1)[-1]:
            keypoint, seen = keypoint[::-1], seen[::-1]
        keypoint = keypoint[:, seen[0]].astype(np.float64)
        if self.center is not None:
            measured = keypoint.any(axis=-1, keepdims=True)
            keypoint = (keypoint - keypoint[0, 0, results["layout"].joint(self.center)]) * measured
        return _done(results, _stand_up(keypoint, results) if self.align else keypoint)


@TRANSFORMS.register_module()
class PYSKLPreset(BaseTransform):
    """Prepare a raw clip ``(M, T, V, 3)`` as PYSKL's pickles are, normalized as at load: ``(1 or 2, F, V, 3)``.

    The two actors (:func:`two_actors`), without the empty frames at both ends; the second one first if only that is
    there in the first frame; then :class:`PreNormalize3D`. (Duan et al., ACM MM 2022)

    Args:
        center: As in ``PreNormalize3D``.
        align: As in ``PreNormalize3D``.
    """

    def __init__(self, center: Optional[Joint] = "spine", align: bool = True) -> None:
        self.normalize = PreNormalize3D(center, align)

    def transform(self, results: dict) -> dict:
        bodies, slots = _bodies(results, "PYSKLPreset")
        actors = two_actors(bodies, slots >= 0, shared=0)
        seen = np.flatnonzero(np.abs(actors).sum(axis=(0, 2, 3), dtype=np.float64) >= 1e-3)
        if not len(seen):
            raise DataError("every frame is empty")
        actors = actors[:, seen[0] : seen[-1] + 1]
        if len(actors) == 2 and not actors[0, 0].any() and actors[1, 0].any():
            actors = actors[::-1]
        return self.normalize.transform(_done(results, actors))
