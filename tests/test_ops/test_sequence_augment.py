"""Numbers behind the augmentations of sequences, against loops, NumPy and sample covariances."""

from __future__ import annotations

import numpy as np
import torch

from mmsync.ops.sequence_augment import (
    ancestors,
    correlated_noise,
    moving_average,
    repeat_frames,
    sorted_choice,
    turn_limbs,
    turn_points,
)
from mmsync.structures import SkeletonLayout


def test_copies_of_frames_equal_a_loop():
    generator = torch.Generator().manual_seed(0)
    copies = torch.randint(0, 3, (8, 7), generator=generator)
    copies[0] = 0
    frame, again, filled = repeat_frames(copies, 12)
    for n, row in enumerate(copies.tolist()):
        expected = [(t, i) for t, count in enumerate(row) for i in range(count)][:12]
        assert filled[n] == len(expected)
        assert list(zip(frame[n, : filled[n]].tolist(), again[n, : filled[n]].int().tolist())) == expected


def test_every_choice_of_two_of_four_frames_is_equally_likely():
    score = torch.rand(6000, 6, generator=torch.Generator().manual_seed(0))
    chosen = sorted_choice(score, torch.full((6000,), 4), 2)
    pairs, counts = chosen.unique(dim=0, return_counts=True)
    assert len(pairs) == 6
    assert (counts - 1000).abs().max() < 120  # four standard deviations
    assert sorted_choice(score[:1], torch.tensor([3]), 6).tolist() == [[0, 0, 1, 1, 2, 2]]


def test_noise_has_the_covariance_of_its_valid_length():
    generator = torch.Generator().manual_seed(0)
    frames, length, number = 8, 6, 40000
    valid = (torch.arange(frames) < length).expand(number, -1)
    white, level = torch.randn(number, frames, 2, 1, generator=generator), torch.randn(number, 1, generator=generator)
    noise = correlated_noise(white, level, valid, 10.0)[..., 0]
    assert not noise[:, length:].any()
    place = torch.arange(length)
    expected = 10 * (length - (place[:, None] - place).abs() / 2) / length
    torch.testing.assert_close(noise[:, :length].T.cov(), expected, atol=0.3, rtol=0)


def test_moving_average_is_numpy_convolution_of_the_same_size():
    x = torch.randn(2, 30, 3, generator=torch.Generator().manual_seed(0))
    for width in (1, 3, 10):
        expected = np.apply_along_axis(lambda row, w=width: np.convolve(row, np.full(w, 1 / w), "same"), 1, x.numpy())
        torch.testing.assert_close(moving_average(x, width), torch.from_numpy(expected).float())


def test_ancestors_are_found_by_walking_up():
    parents = SkeletonLayout.get("hands42").parents
    found = ancestors(parents)
    for joint in range(42):
        way, at = {joint}, joint
        while parents[at] != at:
            at = parents[at]
            way.add(at)
        assert set(found[joint].nonzero().flatten().tolist()) == way


def test_points_turn_by_the_exponential_of_the_cross_product():
    generator = torch.Generator().manual_seed(0)
    points, vectors = torch.randn(2, 5, 3, dtype=torch.float64, generator=generator)
    vectors[0] = 0
    for point, vector, turned in zip(points, vectors, turn_points(points, vectors)):
        a, b, c = vector.tolist()
        matrix = torch.matrix_exp(torch.tensor([[0, -c, b], [c, 0, -a], [-b, a, 0]], dtype=torch.float64))
        torch.testing.assert_close(turned, matrix @ point)


def test_a_limb_turns_about_its_joint_and_bones_keep_their_lengths():
    layout = SkeletonLayout.get("openpose25")
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 25, 3, dtype=torch.float64, generator=generator)
    rotation = torch.zeros(3, 25, 3, dtype=torch.float64)
    elbow, wrist = layout.joint("left_elbow"), layout.joint("left_wrist")
    rotation[:, elbow] = torch.randn(3, 3, dtype=torch.float64, generator=generator)
    out = turn_limbs(x, rotation, layout.parents)
    others = [joint for joint in range(25) if joint != wrist]
    torch.testing.assert_close(out[:, others], x[:, others])
    torch.testing.assert_close(out[:, wrist], x[:, elbow] + turn_points(x[:, wrist] - x[:, elbow], rotation[:, elbow]))

    rotation = torch.randn(3, 25, 3, dtype=torch.float64, generator=generator)
    out = turn_limbs(x, rotation, layout.parents)
    child, parent = torch.tensor(layout.bones).T
    torch.testing.assert_close((out[:, child] - out[:, parent]).norm(dim=2), (x[:, child] - x[:, parent]).norm(dim=2))
