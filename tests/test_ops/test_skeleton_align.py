"""Skeletons in coordinates of the body: CASA's reference numbers, invariances, and frames without a body."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsync.ops.skeleton_align import ALIGNMENTS, align_frames, align_frames_2d, rotation_between


@pytest.fixture(scope="module")
def reference(fixture_root):
    path = fixture_root / "alignment" / "casa_prenorm.npz"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    return np.load(path)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", ["body25", "hands42", "ikea17", "ikea17_noscale"])
def test_casa_normalization_and_its_flip_equal_the_reference(reference, name, dtype):
    x, expected, flipped = (
        torch.tensor(reference[f"{name}.{part}"], dtype=dtype) for part in ("in", "out", "flip_out")
    )
    kind, _, noscale = name.partition("_")

    def align(joints):
        return align_frames(joints, **ALIGNMENTS[kind], scale=not noscale)

    tolerance = dict(atol=1e-10, rtol=1e-10) if dtype == torch.float64 else dict(atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(align(x), expected, **tolerance)
    torch.testing.assert_close(align(expected * expected.new_tensor([-1, 1, 1])), flipped, **tolerance)
    torch.testing.assert_close(align(x.unflatten(0, (3, 4))).flatten(0, 1), expected, **tolerance)


@pytest.mark.parametrize("kind", ALIGNMENTS)
def test_the_trunk_is_the_unit_of_z_and_position_and_size_have_no_influence(kind):
    x = torch.randn(4, 42, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    out, z = align_frames(x, **ALIGNMENTS[kind]), ALIGNMENTS[kind]["z"]
    torch.testing.assert_close(out[:, z[1]] - out[:, z[0]], out.new_tensor([[0.0, 0.0, 1.0]]).expand(4, -1))
    moved = align_frames(2.5 * x + torch.tensor([3.0, -1.0, 7.0]), **ALIGNMENTS[kind])
    torch.testing.assert_close(moved, out)


def test_frames_of_zeros_stay_zero_and_half_turns_are_left_out():
    assert not align_frames(torch.zeros(2, 25, 3), **ALIGNMENTS["body25"]).any()
    vectors = torch.tensor([[2.0, 0, 0], [-2.0, 0, 0], [0, 0, 0]])
    assert torch.equal(rotation_between(vectors, 0), torch.eye(3).expand(3, 3, 3))


def test_rotations_turn_vectors_into_the_axis_near_both_ends_too():
    vectors = torch.tensor([[1.0, 1e-5, 0], [-1.0, 0, 1e-4], [0.3, 0.2, -5.0], [0, 1, 0]])
    rotation = rotation_between(vectors, 0)
    turned = (rotation @ vectors[..., None])[..., 0]
    expected = torch.zeros(4, 3)
    expected[:, 0] = vectors.norm(dim=1)
    torch.testing.assert_close(turned, expected, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(rotation @ rotation.transpose(1, 2), torch.eye(3).expand(4, 3, 3), atol=1e-6, rtol=0)


@pytest.mark.parametrize("per_frame", [False, True])
def test_2d_joints_by_a_loop_over_frames(per_frame):
    x = torch.randn(2, 5, 6, 2, generator=torch.Generator().manual_seed(0))
    valid = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]).bool()
    out = align_frames_2d(x, (0, 1), (2, 3), per_frame, valid)
    for n in range(2):
        lengths = [(x[n, t, 2:4].mean(0) - x[n, t, :2].mean(0)).norm() for t in range(5)]
        mean = torch.stack([length for t, length in enumerate(lengths) if valid[n, t]]).mean()
        for t in range(5):
            expected = (x[n, t] - x[n, t, :2].mean(0)) / (lengths[t] if per_frame else mean)
            torch.testing.assert_close(out[n, t], expected)
    assert torch.isfinite(align_frames_2d(torch.zeros(1, 3, 4, 2), (0, 1), (2, 3), per_frame)).all()
