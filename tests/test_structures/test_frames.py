"""Embeddings of frames: what samples add to them, and pairs of one activity."""

from __future__ import annotations

import pytest
import torch

from mmsync.errors import DataError
from mmsync.structures import Frames, MotionSample, gather_frames, require_partners, same_activity_pairs


def frames(activities: list[int]) -> Frames:
    data = torch.arange(float(len(activities))).view(-1, 1, 1).expand(-1, 3, 2)
    return Frames.of(data, samples=[MotionSample(gt_label=a) for a in activities])


def test_what_is_not_known_is_filled_in():
    found = Frames.of(torch.zeros(2, 4, 3))
    assert found.valid.all()
    assert found.index.tolist() == [[0, 1, 2, 3]] * 2
    assert found.length.tolist() == [4, 4]
    assert found.activity.tolist() == [-1, -1]


def test_a_sequence_is_as_long_as_its_sample_says_or_as_its_last_valid_frame():
    index, valid = torch.tensor([[0.0, 3.5, 9.0]]), torch.tensor([[True, True, False]])
    assert Frames.of(torch.zeros(1, 3, 2), valid, index).length.tolist() == [4]
    samples = [MotionSample(gt_label=5, metainfo=dict(num_frames=20))]
    found = Frames.of(torch.zeros(1, 3, 2), valid, index, samples)
    assert (found.length.tolist(), found.activity.tolist()) == ([20], [5])


def test_pairs_are_all_ordered_ones_of_an_activity():
    first, second = same_activity_pairs(frames([0, 1, 0, 0, 1]))
    pairs = list(zip(first.data[:, 0, 0].tolist(), second.data[:, 0, 0].tolist()))
    assert pairs == [(0, 2), (0, 3), (1, 4), (2, 0), (2, 3), (3, 0), (3, 2), (4, 1)]
    assert torch.equal(first.activity, second.activity)


def test_without_activities_all_sequences_are_of_one():
    first, _ = same_activity_pairs(Frames.of(torch.zeros(3, 4, 2)))
    assert len(first.data) == 6


def test_too_few_sequences_of_an_activity_are_told():
    with pytest.raises(DataError, match=r"no 2 sequences of one activity.*per_group=2"):
        same_activity_pairs(frames([0, 1, 2]))
    with pytest.raises(DataError, match="no 3 sequences"):
        require_partners(frames([0, 1, 0]), 3)


def test_one_process_gathers_what_it_has():
    one = frames([0, 1])
    assert gather_frames(one) is one
