"""Streams equal the reference numbers and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsync.ops.streams import bone_stream, motion_stream, parse_stream, recenter, to_stream
from mmsync.structures import SkeletonLayout


def clips(v, c=3):
    return torch.randn(2, 2, 6, v, c, generator=torch.Generator().manual_seed(0))


@pytest.mark.realdata
def test_bone_and_motion_equal_the_reference(fixture_root):
    data = np.load(fixture_root / "skeleton/streams_and_ensemble.npz")
    parents = torch.tensor(SkeletonLayout.get("ntu25").parents)
    x = torch.from_numpy(data["in/x"]).permute(0, 4, 2, 3, 1)
    for stream in ("motion", "bone"):
        out = to_stream(x, stream, parents).permute(0, 4, 2, 3, 1)  # back to (N, C, T, V, M)
        torch.testing.assert_close(out, torch.from_numpy(data[f"out/{stream}"]), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["ntu25", "kinect20", "coco17"])
def test_bones_equal_a_loop_over_the_layout(name):
    layout = SkeletonLayout.get(name)
    x = clips(layout.num_joints)
    out = bone_stream(x, torch.tensor(layout.parents))
    for child, parent in layout.bones:
        torch.testing.assert_close(out[..., child, :], x[..., child, :] - x[..., parent, :], rtol=0, atol=0)
        if child == parent:
            assert not out[..., child, :].any()


def test_motion_is_the_next_frame_minus_this_one_and_zero_at_the_end():
    x = clips(20)
    expected = np.diff(x.numpy(), axis=2, append=x[:, :, -1:].numpy())
    np.testing.assert_array_equal(motion_stream(x), expected)
    assert not motion_stream(x[:, :, :1]).any()  # a clip of one frame


def test_concatenation_keeps_the_order_of_the_name():
    layout = SkeletonLayout.get("ntu25")
    x, parents = clips(25), torch.tensor(layout.parents)
    before = x.clone()
    out = to_stream(x, "joint+bone+motion+bone_motion", parents)
    bone = bone_stream(x, parents)
    expected = torch.cat([x, bone, motion_stream(x), motion_stream(bone)], dim=-1)
    torch.testing.assert_close(out, expected, rtol=0, atol=0)
    assert to_stream(x, "joint", parents) is x
    torch.testing.assert_close(x, before, rtol=0, atol=0)


def test_a_score_is_averaged_and_not_subtracted():
    layout = SkeletonLayout.get("coco17")
    x, parents = clips(17), torch.tensor(layout.parents)
    bone = bone_stream(x, parents, num_coords=2)
    torch.testing.assert_close(bone[..., 2], (x[..., 2] + x[..., list(layout.parents), 2]) / 2)
    torch.testing.assert_close(bone[..., :2], x[..., :2] - x[..., list(layout.parents), :2])
    motion = motion_stream(x, num_coords=2)
    torch.testing.assert_close(motion[:, :, :-1, :, 2], (x[:, :, 1:, :, 2] + x[:, :, :-1, :, 2]) / 2)


def test_gradients_reach_the_joints():
    x = clips(25).double().requires_grad_()
    to_stream(x, "joint+bone+motion", torch.tensor(SkeletonLayout.get("ntu25").parents)).square().sum().backward()
    assert x.grad.ne(0).all()


@pytest.mark.parametrize("stream", ["joints", "joint+", "bone+bone", "", "joint motion"])
def test_an_unknown_stream_is_refused(stream):
    with pytest.raises(ValueError, match="joint, bone, motion, bone_motion"):
        parse_stream(stream)


def test_recenter_puts_the_joint_in_the_origin_and_keeps_the_absent_zero():
    torch.manual_seed(0)
    x = torch.randn(3, 2, 4, 5, 4)
    mask = torch.tensor([[True, True], [True, False], [True, True]])
    x[~mask] = 0
    out = recenter(x, mask, 2, num_coords=3)
    for n in range(3):
        for m in range(2):
            expected = x[n, m].clone()
            if mask[n, m]:
                expected[..., :3] -= x[n, 0, 0, 2, :3]
            torch.testing.assert_close(out[n, m], expected)
