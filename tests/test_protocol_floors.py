"""Raw coordinates as a floor: how they are prepared is chosen on the bank alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsync.datasets import SkeletonDataset
from mmsync.datasets.sources import SyntheticSource
from mmsync.evaluation.functional import leave_one_out
from mmsync.protocols.floors import FRAMES, raw_floor


class Source(SyntheticSource):
    """A small world, whose clips of the test part may be distorted and mislabelled; or all are changed."""

    def __init__(self, poisoned=False, change=None, **more):
        actions = ["wave", "clap", "punch", "squat"]
        super().__init__(num_clips=(24, 12), actions=actions, yaw=(0.0, 0.0), **more)
        self.change = change or (lambda clip, index: clip)
        self.poisoned = poisoned

    def load(self, index):
        clip = self.change(super().load(index), index).astype(np.float32)
        return clip * np.float32([1, -3, 1]) + 5 if self.poisoned and self._part[index] else clip


def dataset(**more):
    pipeline = [dict(type="ResizeClip", length=8), dict(type="PackSkeleton", num_persons=2)]
    built = SkeletonDataset(Source(**more), pipeline, roles=dict(bank="train", query="test"))
    if built.source.poisoned:
        built.source.labels = np.where(np.arange(36) < 24, built.source.labels, (built.source.labels + 1) % 4)
    return built


def test_leave_one_out_is_a_loop_over_the_others():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((1100, 5)).astype(np.float32), rng.integers(0, 3, 1100)
    unit = x.astype(float) / np.linalg.norm(x, axis=1, keepdims=True)
    right = [y[max((j for j in range(1100) if j != i), key=(unit @ unit[i]).__getitem__)] == y[i] for i in range(60)]
    assert leave_one_out(torch.tensor(x[:2]), torch.tensor([0, 0])) == 1
    small = leave_one_out(torch.tensor(x), torch.tensor(y))
    every = (unit @ unit.T) - 3 * np.eye(1100)
    assert small == pytest.approx((y[every.argmax(1)] == y).mean(), abs=1e-3)
    assert np.mean(right) == (y[every.argmax(1)] == y)[:60].mean()


def test_queries_have_no_part_in_the_choice():
    (table, best, found), (poisoned, same, again) = raw_floor(dataset()), raw_floor(dataset(poisoned=True))
    assert (best, found) == (same, again)
    bank = [role == "bank" for role in table["role"]]
    torch.testing.assert_close(table["feature"][bank], poisoned["feature"][bank])
    assert not torch.equal(table["feature"], poisoned["feature"])
    assert len(found) == 24
    assert found[str(best)] == max(found.values())
    width = 2 * 25 * 3 * (2 * FRAMES - 1 if best.velocities else FRAMES)
    assert table["feature"].shape == (36, width)
    assert {"label", "name", "index", "subject"} <= set(table)


def test_what_differs_between_clips_is_taken_out():
    def turn(clip, index):
        angle = 2.4 * index
        return clip @ np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])

    turned = raw_floor(dataset(change=turn))[2]
    assert turned["first frame centered, turned"] > turned["first frame centered"] + 10
    offset = np.random.default_rng(0).standard_normal((36, 1, 400, 1, 3)) * 3
    _, best, found = raw_floor(dataset(change=lambda clip, index: clip + offset[index][:, : clip.shape[1]]))
    assert best.center == "each"
    plain = raw_floor(dataset())[2]
    assert found["each frame centered"] == pytest.approx(plain["each frame centered"], abs=0.1)
    _, _, sized = raw_floor(dataset(change=lambda clip, index: clip * (1 + index % 5)))
    name = "each frame centered, scaled, less the mean"
    assert sized[name] == pytest.approx(plain[name], abs=0.1)


def test_pictures_are_not_turned_and_scores_are_no_coordinates():
    table, best, found = raw_floor(dataset(num_coords=2))
    assert not best.turned
    assert len(found) == 12
    assert table["feature"].shape[1] in (2 * FRAMES * 25 * 2, 2 * (2 * FRAMES - 1) * 25 * 2)


def test_a_bad_clip_is_replaced_as_it_is_for_encoders():
    def empty(clip, index):
        return clip * (index != 3)

    pipeline, roles = dataset().pipeline, dict(bank="train", query="test")
    data = SkeletonDataset(Source(change=empty), pipeline, roles=roles, max_bad_share=0.1)
    names = [data.sample(index)["data_samples"].name for index in range(36)]
    table = raw_floor(data)[0]
    assert table["name"] == names
    assert names[3] != data.names[3]
    other = data.names.index(names[3])
    assert table["label"][3] == data.labels[other]
    torch.testing.assert_close(table["feature"][3], table["feature"][other])
