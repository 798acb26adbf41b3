"""What differs between the clips of a data set, measured without labels: headings, sides, direction of time, sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Optional

import numpy as np

from mmsync.datasets.joint_order import SIDES
from mmsync.errors import DataError, MMSyncError
from mmsync.structures import SkeletonLayout

FRAMES = 16  # to which motions are resampled before they are compared
APART = 1.5  # a motion is not its own image if it is farther from it than so many times from its neighbor
NEARER = 0.7  # and the image is found if it is nearer to some clip than this share of the motion's own distance to it


@dataclass(frozen=True)
class Facts:
    """What differs between clips; ``None`` is unknown. Angles are degrees, shares are in [0, 1].

    Attributes:
        clips: Clips that were looked at.
        coords: 2 or 3 coordinates.
        frames: Shortest, median and longest clip.
        two_persons: Share of clips with two or more persons.
        missing: Share of joints that are zero, or have a score of zero.
        up: Axis along which people stand, with its sign: ``'+y'``.
        tilt: Median angle between a person's trunk and the mean one.
        heading_std: Circular standard deviation of the direction in which people face (Mardia and Jupp, 2000, eq.
            2.3.11); 3D only.
        heading_range: Largest distance of nine of ten headings from the mean one.
        line_range: The same of the line from side to side without its sense: small beside a large ``heading_range`` if
            people look one of two opposite ways.
        across: Horizontal axis that runs from a side of people to the other, most of the time.
        heading_of_view: Mean heading and deviation by the attribute ``view``.
        turning: Share of clips in which a person turns by more than 45 degrees.
        lopsided: Share of motions that are not their own mirror image.
        mirrored: Share of these whose mirror image is found among the clips of others.
        directed: Share of motions that are not their own reversal.
        reversed: Share of these whose reversal is found.
        by_subject: Whether the clips of others are those of other performers; else all other clips.
        tempo: Ratio of lengths that nine of ten clips have at most to the nearest clip of others.
        speed_spread: Standard deviation of the logarithm of the mean speed of joints, in trunk lengths a frame.
        trunk: Median length from hips to shoulders, in the unit of the coordinates.
        size_spread: Standard deviation of body size over its mean; of performers where they are known.
        translation: Way of the hips from where they begin, trunk lengths, that one of ten clips exceeds.
        noise: Standard deviation of the jitter of joints from frame to frame, in the unit of the coordinates.
    """

    clips: int
    coords: int
    frames: tuple[int, int, int]
    two_persons: float
    missing: float
    up: Optional[str] = None
    tilt: Optional[float] = None
    heading_std: Optional[float] = None
    heading_range: Optional[float] = None
    line_range: Optional[float] = None
    across: Optional[str] = None
    heading_of_view: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    turning: Optional[float] = None
    lopsided: Optional[float] = None
    mirrored: Optional[float] = None
    directed: Optional[float] = None
    reversed: Optional[float] = None
    by_subject: bool = False
    tempo: Optional[float] = None
    speed_spread: Optional[float] = None
    trunk: Optional[float] = None
    size_spread: Optional[float] = None
    translation: Optional[float] = None
    noise: Optional[float] = None


class _Person(NamedTuple):
    """The first person of a clip, in the frames in which it is seen."""

    points: np.ndarray  # (T, V, k), NaN for missing joints
    trunk: np.ndarray  # (3 or 2,) from hips to shoulders, median over time
    across: np.ndarray  # (T, k) from the left to the right side, hips and shoulders
    hips: np.ndarray  # (T, k) middle of the hips


def measure(
    clips: Sequence[np.ndarray], layout: SkeletonLayout, num_coords: int, attributes: Mapping[str, Sequence[Any]]
) -> Facts:
    """Measure what differs between clips.

    Motions are compared as deviations from their mean posture, each frame about the hips, in units of the trunk, turned
    to one heading and resampled to 16 frames. Whether a mirrored (or reversed) motion occurs is asked for those motions
    that are not their own image: is the image much nearer to some other clip than the motion itself is to that clip?

    Args:
        clips: ``(M, T, V, C)`` each, zeros where a person or joint is absent; some hundreds are enough.
        layout: Their joints. Without shoulders and hips, only counts are measured.
        num_coords: 2 or 3 coordinates; a further channel is a score.
        attributes: Values by name, one for each clip; ``subject`` and ``view`` are used.
    """
    found = [_person(clip, layout, num_coords) for clip in clips]
    lengths = [int(clip[..., :num_coords].any(axis=(0, 2, 3)).sum()) for clip in clips]
    several = [clip[..., :num_coords].any(axis=(1, 2, 3)).sum() > 1 for clip in clips]
    # channels after the coordinates are scores
    joints = [body[..., :num_coords].any(-1) & (body[..., num_coords:] > 0).all(-1) for clip in clips for body in clip]
    joints = [body for body in joints if body.any()]
    # of the frames in which someone is seen; a joint that is always zero is the origin
    seen = [one[one.any(1)][:, one.any(0)].mean() for one in joints]
    frames = (min(lengths), int(np.median(lengths)), max(lengths))
    facts: dict[str, Any] = dict(
        clips=len(clips), coords=num_coords, frames=frames, two_persons=float(np.mean(several)),
        missing=float(1 - np.mean(seen or [1.0])),
    )  # fmt: skip
    rows = [i for i, person in enumerate(found) if person is not None and len(person.points) > 2]
    people = [person for person in found if person is not None and len(person.points) > 2]
    if len(people) >= 4:
        of = {name: np.asarray(values)[rows] for name, values in attributes.items()}
        up, about = _upright(people)
        facts.update(about)
        if num_coords == 3:
            facts.update(_headings(people, up, of.get("view")))
        facts.update(_sizes(people, layout, of.get("subject")))
        facts.update(_motions(people, layout, up, of.get("subject")))
    return Facts(**facts)


def measure_dataset(data: Any, number: int = 600, prepared: bool = True) -> tuple[Facts, Optional[Facts]]:
    """Facts of the clips of a :class:`SkeletonDataset` as they are, and after its pipeline if there is one.

    Args:
        data: The data set; clips that cannot be read are left out.
        number: Clips to look at, evenly spread. 600 take some seconds.
        prepared: Measure them after the pipeline, too; else the second value is ``None``.

    Raises:
        DataError: No clip can be read.
    """
    raw, packed, rows = [], [], []
    for index in np.unique(np.linspace(0, len(data) - 1, min(number, len(data))).astype(int)).tolist():
        with suppress(MMSyncError, OSError):
            clip = data.raw(index)["keypoint"]
            if prepared:
                packed.append(data.read(index)["inputs"]["skeleton"].data.numpy())
            raw.append(clip)
            rows.append(data.places[index])
    if not raw:
        raise DataError("no clip can be read; mmsync check_data CONFIG lists the reasons")
    attributes = {key: values[rows] for key, values in data.source.attributes.items()}
    coords = data.source.num_coords
    facts = measure(raw, data.source.layout, coords, attributes)
    if not prepared or len(data.pipeline) == 1:
        return facts, None
    return facts, measure(packed, data.layout, coords, attributes)


def _person(clip: np.ndarray, layout: SkeletonLayout, num_coords: int) -> Optional[_Person]:
    if not set(SIDES) <= set(layout.joints):
        return None
    left, right, left_hip, right_hip = (layout.joint(name) for name in SIDES)
    for body in clip:
        points = body[..., :num_coords].astype(np.float64)
        points = points[points.any(axis=(1, 2))]
        # a joint that is always zero is the origin
        missing = ~points.any(axis=2) & points.any(axis=(0, 2))
        points[missing] = np.nan
        points = points[~np.isnan(points[:, [left, right, left_hip, right_hip]]).any(axis=(1, 2))]
        if len(points):
            hips = points[:, [left_hip, right_hip]].mean(1)
            across = points[:, right] - points[:, left] + points[:, right_hip] - points[:, left_hip]
            trunk = np.median(points[:, [left, right]].mean(1) - hips, axis=0)
            return _Person(points, trunk, across, hips) if np.linalg.norm(trunk) > 1e-9 else None
    return None


def _upright(people: Sequence[_Person]) -> tuple[int, dict[str, Any]]:
    """The vertical axis, and facts about it."""
    trunks = np.array([person.trunk / np.linalg.norm(person.trunk) for person in people])
    mean = trunks.mean(0)
    up = int(np.abs(mean).argmax())
    cosine = trunks @ mean / max(float(np.linalg.norm(mean)), 1e-12)
    sign = "+" if mean[up] > 0 else "-"
    return up, dict(up=f"{sign}{'xyz'[up]}", tilt=float(np.degrees(np.arccos(np.clip(np.median(cosine), -1, 1)))))


def circular(angles: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation ``sqrt(-2 ln R)`` of angles in radians (Mardia and Jupp, 2000, eq. 2.3.11)."""
    mean = np.exp(1j * np.asarray(angles)).mean()
    return float(np.angle(mean)), math.sqrt(-2 * math.log(max(min(abs(mean), 1.0), 1e-12)))


def _range(angles: np.ndarray) -> float:
    """Degrees from the circular mean that nine of ten angles in radians do not exceed."""
    away = np.abs(np.angle(np.exp(1j * (angles - circular(angles)[0]))))
    return float(np.degrees(np.percentile(away, 90)))


def _headings(people: Sequence[_Person], up: int, views: Optional[np.ndarray]) -> dict[str, Any]:
    """The direction of the line from side to side, in the horizontal plane."""
    plane = [axis for axis in range(3) if axis != up]
    lines = [person.across[:, plane] for person in people]
    middle = np.array([np.median(line, axis=0) for line in lines])
    angle = np.arctan2(middle[:, 1], middle[:, 0])
    std = circular(angle)[1]
    turning = []
    for line in lines:
        way = np.unwrap(np.arctan2(line[:, 1], line[:, 0]))
        turning.append(np.ptp(np.convolve(way, np.ones(3) / 3, "valid")) > np.pi / 4)
    of_view = {}
    for view in [] if views is None else np.unique(views):
        one = circular(angle[views == view])
        of_view[str(view)] = (math.degrees(one[0]), math.degrees(one[1]))
    return dict(
        heading_std=math.degrees(std), heading_range=_range(angle), line_range=_range(2 * angle) / 2,
        across="xyz"[plane[int(np.abs(middle).mean(0).argmax())]], heading_of_view=of_view,
        turning=float(np.mean(turning)),
    )  # fmt: skip


def _sizes(people: Sequence[_Person], layout: SkeletonLayout, subjects: Optional[np.ndarray]) -> dict[str, Any]:
    """Size, way, speed and jitter of bodies."""
    child, parent = np.array([bone for bone in layout.bones if bone[0] != bone[1]]).T
    with np.errstate(all="ignore"):
        bones = [
            np.nanmedian(np.linalg.norm(p.points[:, child] - p.points[:, parent], axis=-1), axis=0) for p in people
        ]
        jitter = [np.nanmedian(np.abs(np.diff(p.points, 2, axis=0))) / 0.6745 / math.sqrt(6) for p in people]
        trunk = np.array([np.linalg.norm(p.trunk) for p in people])
        speed = np.array([np.nanmean(np.linalg.norm(np.diff(p.points, axis=0), axis=-1)) for p in people]) / trunk
    usual = np.nanmedian(bones, axis=0)
    with np.errstate(all="ignore"):
        size = np.array([np.nanmedian(one / usual) for one in bones])
    if subjects is not None:
        size = np.array([np.median(size[subjects == who]) for who in np.unique(subjects)])
    way = [np.linalg.norm(p.hips - p.hips[0], axis=-1).max() / length for p, length in zip(people, trunk)]
    return dict(
        trunk=float(np.median(trunk)), size_spread=float(np.std(size) / np.mean(size)),
        translation=float(np.percentile(way, 90)),
        speed_spread=float(np.log(np.maximum(speed, 1e-9)).std()), noise=float(np.median(jitter)),
    )  # fmt: skip


def _motions(
    people: Sequence[_Person], layout: SkeletonLayout, up: int, subjects: Optional[np.ndarray]
) -> dict[str, Any]:
    """Tempo, and whether mirrored and reversed motions occur."""
    motions = np.array([_motion(person, up) for person in people])
    if subjects is not None and len(np.unique(subjects)) > 1:
        others, by_subject = subjects[:, None] != subjects, True
    else:
        others, by_subject = ~np.eye(len(people), dtype=bool), False
    nearest = np.where(others, _distances(motions, motions), np.inf)
    length = np.array([len(person.points) for person in people])
    ratio = np.exp(np.abs(np.log(length / length[nearest.argmin(1)])))
    mirrored = motions[:, :, list(layout.flip_index)].copy()
    mirrored[..., 0] *= -1
    lopsided: Optional[float]
    with_mirror: Optional[float]
    lopsided, with_mirror = _images(motions, mirrored, others)
    directed, with_reversal = _images(motions, motions[:, ::-1], others)
    if not layout.left:
        lopsided = with_mirror = None
    return dict(
        tempo=float(np.percentile(ratio, 90)), by_subject=by_subject, lopsided=lopsided, mirrored=with_mirror,
        directed=directed, reversed=with_reversal,
    )  # fmt: skip


def _motion(person: _Person, up: int) -> np.ndarray:
    """Deviation from the mean posture ``(16, V, k)``; the first coordinate runs from side to side."""
    x = (person.points - person.hips[:, None]) / np.linalg.norm(person.trunk)
    seen = np.isfinite(x)
    x = np.where(seen, x - np.nansum(x, axis=0) / np.maximum(seen.sum(0), 1), 0.0)
    if x.shape[2] == 3:
        plane = [axis for axis in range(3) if axis != up]
        a, b = np.median(person.across[:, plane], axis=0)
        turn = np.array([[a, -b], [b, a]]) / max(math.hypot(a, b), 1e-9)
        x = np.concatenate([x[..., plane] @ turn, x[..., [up]]], axis=-1)
    at = np.linspace(0, len(x) - 1, FRAMES)
    low = np.floor(at).astype(int)
    part = (at - low)[:, None, None]
    return x[low] * (1 - part) + x[np.minimum(low + 1, len(x) - 1)] * part


def _images(motions: np.ndarray, images: np.ndarray, others: np.ndarray) -> tuple[float, Optional[float]]:
    """Share of motions that are not their own image, and of these, whose image is found; ``None``: too few."""
    plain, to_image = _distances(motions, motions), np.where(others, _distances(images, motions), np.inf)
    own = np.linalg.norm((motions - images).reshape(len(motions), -1), axis=1)
    differs = own > APART * np.where(others, plain, np.inf).min(1)
    at = to_image.argmin(1)
    found = to_image.min(1) < NEARER * plain[np.arange(len(plain)), at]
    return float(differs.mean()), float(found[differs].mean()) if differs.sum() >= FRAMES else None


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    return np.sqrt(np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T, 0))
