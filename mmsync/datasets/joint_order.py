"""Whether clips have their joints in the order that their layout says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import NamedTuple, Optional

import numpy as np

from mmsync.structures import SkeletonLayout

FRAMES = 16  # of a clip that are looked at
FEW = 10  # persons in fewer pictures may be seen from a side that shortens some bones
BETTER = 0.97  # an order whose bones cost less than this share of those of the layout is suspected
OTHER = 0.9  # the same of another layout, which has other bones
SIDES = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")


class _Distances(NamedTuple):
    """Distances of all pairs of joints, averaged over time, of each person of each clip; mean 1."""

    mean: np.ndarray  # (R, V, V)
    std: np.ndarray  # (R, V, V), over time
    sides: np.ndarray  # (R,) share of frames in which shoulders and hips point to the same side; NaN if unknown


def suspect_joint_order(clips: Iterable[np.ndarray], layout: SkeletonLayout, num_coords: int) -> Optional[str]:
    """Say in a sentence why joints seem to be in another order than the layout's; ``None`` if they fit.

    The bones of the right order are short, keep their lengths over time and are as long on the left as on the right:
    the cost of an order is the sum of mean and standard deviation of all bone lengths and of the differences of left
    and right ones. It is compared with that of each swap of two joints, of the layout's joints in the order of another
    registered layout, and of other layouts with as many joints. Left and right of the legs are compared with those of
    the arms by direction. A skeleton whose sides are swapped altogether cannot be told from its mirror image.

    Args:
        clips: ``(M, T, V, C)`` each, zeros where a person or joint is absent; a hundred or so are enough.
        layout: What they are said to be.
        num_coords: 2 or 3 coordinates; a further channel is a score.
    """
    found = _measure(clips, layout, num_coords)
    if found is None or layout.num_joints < 4:
        return None
    identity = np.arange(layout.num_joints)
    base = _cost(found, layout, identity)
    best, cost = identity, base.mean()
    for order in _swaps(identity):
        costs = _cost(found, layout, order)
        if costs.mean() < cost and (costs < base).mean() > 0.5:
            best, cost = order, costs.mean()
    named = {f"the joints of {layout} in the order of {name}": order for name, order in _known_orders(layout).items()}
    costs_of = {text: _cost(found, layout, order).mean() for text, order in named.items()}
    for name in SkeletonLayout.names():
        other = SkeletonLayout.get(name)
        if other.num_joints == layout.num_joints and other.joints != layout.joints:
            costs_of[f"layout {name}"] = _cost(found, other, identity).mean() * BETTER / OTHER
    text = min(costs_of, key=lambda key: costs_of[key], default="")
    if min(cost, costs_of.get(text, np.inf)) < BETTER * base.mean():
        best, cost = _descend(found, layout, best)
        known = costs_of.get(text, np.inf) <= 1.02 * cost
        words = f"they fit {text}" if known else _describe(layout, best)
        share = 100 * (1 - min(cost, costs_of.get(text, np.inf)) / base.mean())
        return f"the joints do not look like {layout}: {words} (bones {share:.0f} % shorter and more even)"
    sides = found.sides[np.isfinite(found.sides)]
    if len(sides) >= FEW and sides.mean() < 0.4:
        return f"left and right of the legs look swapped against the arms, in layout {layout}"
    return None


def _measure(clips: Iterable[np.ndarray], layout: SkeletonLayout, num_coords: int) -> Optional[_Distances]:
    rows = []
    for person in (person for clip in clips for person in clip):
        points = person[..., :num_coords].astype(np.float64)
        points = points[points.any(axis=(1, 2))]
        points = points[np.linspace(0, len(points) - 1, min(len(points), FRAMES)).astype(int)]
        if not len(points) or not np.isfinite(points).all():
            continue
        there = points.any(axis=-1)
        there |= ~there.any(axis=0)  # a joint that is always zero is the origin
        distance = np.linalg.norm(points[:, :, None] - points[:, None], axis=-1)
        both = there[:, :, None] & there[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = (distance * both).sum(0) / both.sum(0)
            std = np.sqrt(((distance - mean) ** 2 * both).sum(0) / both.sum(0))
        scale = np.nanmean(mean)
        if scale > 0:
            rows.append((mean / scale, std / scale, _same_side(points, there, layout)))
    if len(rows) < (FEW if num_coords == 2 else 1):
        return None
    mean, std, sides = map(np.array, zip(*rows))
    for values in (mean, std):  # pairs of joints that a clip never shows together: as in the other clips
        lacking = np.isnan(values)
        number = np.maximum((~lacking).sum(0), 1)
        values[:] = np.where(lacking, np.nansum(values, 0) / number, values)
    return _Distances(mean, std, sides)


def _same_side(points: np.ndarray, there: np.ndarray, layout: SkeletonLayout) -> float:
    if not set(SIDES) <= set(layout.joints):
        return np.nan
    joints = [layout.joint(name) for name in SIDES]
    a, b, c, d = points[there[:, joints].all(1)][:, joints].swapaxes(0, 1)
    return float((((a - b) * (c - d)).sum(-1) > 0).mean()) if len(a) else np.nan


def _cost(found: _Distances, layout: SkeletonLayout, order: np.ndarray) -> np.ndarray:
    """``(R,)`` cost of each person, if joint ``j`` of the layout is at place ``order[j]`` of the data."""
    child, parent = np.array([bone for bone in layout.bones if bone[0] != bone[1]]).T
    flip = np.array(layout.flip_index)
    parents = np.array(layout.parents)
    paired = [j for j in layout.left if parents[flip[j]] == flip[parents[j]] and parents[j] not in (j, flip[j])]
    left, right = (found.mean[:, order[i], order[parents[i]]] for i in (np.array(paired, int), flip[paired]))
    bones = (found.mean + found.std)[:, order[child], order[parent]]
    return bones.sum(1) + np.abs(left - right).sum(1)


def _swaps(order: np.ndarray) -> Iterator[np.ndarray]:
    for i, j in combinations(range(len(order)), 2):
        swapped = order.copy()
        swapped[[i, j]] = order[[j, i]]
        yield swapped


def _known_orders(layout: SkeletonLayout) -> dict[str, np.ndarray]:
    """Where the layout's joints are, if those of another layout come first, in its order."""
    found = {}
    for name in SkeletonLayout.names():
        first = [layout.joint(joint) for joint in SkeletonLayout.get(name).joints if joint in layout.joints]
        order = [*first, *(j for j in range(layout.num_joints) if j not in first)]
        if len(first) > 2 and order != sorted(order):
            found[name] = np.argsort(order)
    return found


def _descend(found: _Distances, layout: SkeletonLayout, order: np.ndarray) -> tuple[np.ndarray, float]:
    """Swap joints as long as that pays."""
    mean = _Distances(found.mean.mean(0, keepdims=True), found.std.mean(0, keepdims=True), found.sides)
    cost = _cost(mean, layout, order)[0]
    while True:
        costs = [(_cost(mean, layout, swapped)[0], swapped) for swapped in _swaps(order)]
        lowest = min(costs, key=lambda pair: pair[0])
        if lowest[0] > 0.995 * cost:
            return order, float(_cost(found, layout, order).mean())
        cost, order = lowest


def _describe(layout: SkeletonLayout, order: np.ndarray) -> str:
    moved = np.flatnonzero(order != np.arange(len(order))).tolist()
    if len(moved) == 2:
        return f"{layout.joints[moved[0]]} and {layout.joints[moved[1]]} look swapped"
    names = ", ".join(layout.joints[j] for j in np.argsort(order))
    guess = f"; perhaps their order is {names}" * (2 * len(moved) < len(order))
    return f"{len(moved)} of {len(order)} joints look misplaced, and no known order fits{guess}"
