"""Joints that a sensor or a pose estimator missed."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from scipy.sparse.csgraph import shortest_path

from mmsync.registry import TRANSFORMS
from mmsync.structures import SkeletonLayout


@TRANSFORMS.register_module()
class FillJoints(BaseTransform):
    """Fill joints of ``(M, T, V, C)`` that were missed, zeros in frames in which their person is seen.

    A joint moves linearly from the frame before that has it to the one after, and stands still at the ends. One that no
    frame has stands where the nearest joint along the bones does, unless the origin lies within the person's box: then
    it stays, for the clip may be centered on it. Scores stay. Put it first: other transforms move zeros elsewhere.
    """

    def transform(self, results: dict) -> dict:
        keypoint, count = results["keypoint"], results["num_coords"]
        there = (keypoint[..., :count] != 0).any(3)
        missed = there.any(2, keepdims=True) & ~there
        if missed.any():
            filled = fill_joints(keypoint[..., :count], there, results["layout"])
            out = keypoint.copy()
            out[..., :count] = np.where(missed[..., None], filled, keypoint[..., :count])
            results["keypoint"] = out
        return results


def fill_joints(keypoint: np.ndarray, there: np.ndarray, layout: SkeletonLayout) -> np.ndarray:
    """Coordinates ``(M, T, V, C)`` in which every joint is somewhere; ``there (M, T, V)`` says which ones are known."""
    frames = there.shape[1]
    number = np.arange(frames)[:, None]
    before = np.maximum.accumulate(np.where(there, number, -1), axis=1)
    after = np.minimum.accumulate(np.where(there, number, frames)[:, ::-1], axis=1)[:, ::-1]
    low, high = np.where(before < 0, after, before), np.where(after == frames, before, after)
    weight = (number - low) / np.maximum(high - low, 1)
    first, last = (np.take_along_axis(keypoint, at.clip(0, frames - 1)[..., None], 1) for at in (low, high))
    filled = first + weight.astype(keypoint.dtype)[..., None] * (last - first)
    known = np.asarray(there.any(1))
    for person in np.flatnonzero(known.any(1) & ~known.all(1)):
        points: np.ndarray = keypoint[person][there[person]]
        if np.any((points.min(0) > 0) | (points.max(0) < 0)):
            bones = np.zeros((layout.num_joints, layout.num_joints))
            bones[tuple(np.array(layout.bones).T)] = 1
            hops = shortest_path(bones, directed=False, unweighted=True).clip(max=len(bones))  # inf without a way
            filled[person] = filled[person][:, np.where(known[person], hops, np.inf).argmin(1)]
    return filled
