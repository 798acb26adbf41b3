"""Masks of joints and frames: the reference's draws, and what is drawn how often."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from mmsync.ops import part_masks
from mmsync.ops.part_masks import (
    draw_calm_frames,
    draw_central_joints,
    draw_joints_of_frames,
    draw_part_block,
    frame_motion,
    joint_degrees,
    region_weight,
)
from mmsync.ops.skeleton_augment import rotation_matrix, shear_matrix
from mmsync.ops.time_maps import crop_index
from mmsync.structures import SkeletonLayout

NTU = SkeletonLayout.get("ntu25")
DEGREES = [3, 2, 2, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 1, 4, 1, 2, 1, 2]  # as released, NTU


def test_degrees_come_from_the_layout():
    assert joint_degrees(25, NTU.edge_list()).tolist() == DEGREES
    for layout in map(SkeletonLayout.get, SkeletonLayout.names()):
        degrees = joint_degrees(layout.num_joints, layout.edge_list())
        assert degrees.sum() == 2 * len(layout.edge_list())
    assert joint_degrees(3, []).tolist() == [1, 1, 1]


class TestReferenceDraws:
    """The reference draws by Python's generator, seeded by 0 and 1."""

    @pytest.fixture(params=[0, 1])
    def seed(self, request):
        return request.param

    @pytest.fixture
    def archive(self, fixture_root):
        return np.load(fixture_root / "skeleton" / "peer_pstl.npz")

    def test_joints(self, archive, seed, monkeypatch):
        order = random.Random(seed).sample(range(sum(DEGREES)), 8)
        monkeypatch.setattr(part_masks.torch, "randperm", lambda n, generator=None: torch.tensor(order))
        found = draw_central_joints(joint_degrees(25, NTU.edge_list()), 8)
        assert found.tolist() == sorted(set(archive[f"csm_s{seed}"].tolist()))

    def test_frames(self, archive, seed):
        x = torch.from_numpy(archive["x"]).permute(0, 4, 2, 3, 1)
        kept = torch.tensor(sorted(random.Random(seed).sample(range(40), 30)))
        at = draw_calm_frames(frame_motion(x), 10, kept)
        found = torch.take_along_dim(x, at[:, None, :, None, None], 2)
        np.testing.assert_array_equal(found.permute(0, 4, 2, 3, 1), archive[f"matm_s{seed}"])

    def test_shear_crop_and_rotation_are_those_of_the_views(self, archive, seed):
        """The reference multiplies from the right, and draws once for the batch."""
        x = torch.from_numpy(archive["x"]).permute(0, 4, 2, 3, 1)

        def reference(name: str) -> torch.Tensor:
            return torch.from_numpy(archive[f"{name}_s{seed}"]).permute(0, 4, 2, 3, 1)

        draws = random.Random(seed)
        a, b, c, d, e, f = (draws.uniform(-1, 1) for _ in range(6))
        matrix = shear_matrix(torch.tensor([[c, a, b, e, f, d]]))[0]
        torch.testing.assert_close(x @ matrix.T, reference("shear_amp1"), atol=1e-6, rtol=1e-5)

        crops = (x[:, :, crop_index(torch.tensor([start]), 50, 8)[0]] for start in range(17))
        assert sum(torch.equal(crop, reference("crop")) for crop in crops) == 1

        flat = x.flatten(0, 3).double()
        turn = torch.linalg.lstsq(flat, reference("rotate").flatten(0, 3).double()).solution.T
        sines, cosines = (-turn[2, 1], turn[2, 0], -turn[1, 0]), (turn[2, 2], turn[2, 0].asin().cos(), turn[0, 0])
        angles = torch.atan2(torch.stack(sines), torch.stack(cosines))
        torch.testing.assert_close(rotation_matrix(angles[None])[0], turn, atol=1e-6, rtol=1e-5)
        degrees = angles.rad2deg()
        assert degrees.min() >= 0
        assert degrees.sort().values[1] <= 1
        assert degrees.max() <= 30


def test_joints_are_drawn_by_their_bones_without_replacement():
    generator = torch.Generator().manual_seed(0)
    degrees = torch.tensor([1, 2, 4])
    one = torch.cat([draw_central_joints(degrees, 1, generator) for _ in range(2000)])
    np.testing.assert_allclose(one.bincount() / 2000, degrees / 7, atol=0.03)
    counts = torch.tensor([len(draw_central_joints(degrees, 2, generator)) for _ in range(2000)])
    both = (2 * 1 + 4 * 3) / (7 * 6)  # the same joint twice
    np.testing.assert_allclose((counts == 1).float().mean(), both, atol=0.03)
    assert draw_central_joints(degrees, 7).tolist() == [0, 1, 2]


def test_frames_of_largest_motion_are_masked_first():
    x = torch.zeros(2, 1, 6, 3, 2)
    x[0, 0, 2] = 1.0  # into it and out of it: frames 1 and 2
    x[1, 0, 4:] = 1.0  # frame 3
    motion = frame_motion(x)
    assert motion[0].tolist() == [0, 1, 1, 0, 0, 0]
    assert motion[1].tolist() == [0, 0, 0, 1, 0, 0]
    at = draw_calm_frames(motion, 2)
    assert at.shape == (2, 2)
    assert not {1, 2} & set(at[0].tolist())
    assert 3 not in at[1]
    assert (at.diff() > 0).all()
    found = {tuple(draw_calm_frames(motion, 2)[0].tolist()) for _ in range(200)}
    assert found == {(a, b) for a in (0, 3, 4, 5) for b in (0, 3, 4, 5) if a < b}


def test_every_frame_has_its_own_masked_joints():
    mask = draw_joints_of_frames(500, 5, 2)
    assert (mask.sum(1) == 2).all()
    np.testing.assert_allclose(mask.float().mean(0), 0.4, atol=0.08)
    assert len({tuple(row.tolist()) for row in mask}) == 10


@pytest.mark.parametrize(
    ("frames", "seen"), [(64, {28, 32, 36, 40, 44}), (50, {21, 22, 25, 28, 29, 31, 32, 34, 35}), (5, {2, 3, 4})]
)
def test_a_block_of_parts(frames, seen):
    """Of 64 frames blocks are 28 to 44 long, in steps of the 4 frames that become one of a network."""
    parts, lengths = NTU.body_parts, set()
    for _ in range(300):
        mask = draw_part_block(parts, 25, frames)
        rows, joints = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten().tolist()
        assert mask.sum() == len(rows) * len(joints)
        assert len(rows) == rows[-1] - rows[0] + 1
        assert len([part for part in parts if set(part) <= set(joints)]) in (2, 3)
        assert sum(len(part) for part in parts if set(part) & set(joints)) == len(joints)
        lengths.add(len(rows))
        assert frames != 64 or rows[0] % 4 == 0
    assert lengths == seen


@pytest.mark.parametrize("shape", [(8, 5), (4, 5), (2, 1), (3, 2), (1, 1)])
def test_a_place_of_a_coarser_map_weighs_its_share_of_the_region(shape):
    generator = torch.Generator().manual_seed(0)
    region = torch.rand(8, 5, generator=generator) < 0.4
    weight = region_weight(region, *shape)
    torch.testing.assert_close(weight.mean(), torch.tensor(1.0))
    if shape == (8, 5):
        data = torch.randn(8, 5, generator=generator)
        torch.testing.assert_close((data * weight).mean(), data[region].mean())
    elif shape == (4, 5):
        share = region.float().unflatten(0, (4, 2)).mean(1)
        torch.testing.assert_close(weight, share / share.mean())
    assert not region_weight(torch.zeros(8, 5, dtype=torch.bool), *shape).any()
