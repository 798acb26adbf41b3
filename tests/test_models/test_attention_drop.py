"""Attention drop equals the reference numbers and does what its docstring says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsync.models.modules.attention_drop import attention_drop
from mmsync.structures import FeatureMap


@pytest.mark.parametrize("case", range(4))
def test_reference_numbers(fixture_root, case):
    archive = np.load(fixture_root / "skeleton" / "eadm.npz")
    ref = {k.split("/")[1]: archive[k] for k in archive.files if k.startswith(f"case{case}/")}
    x = torch.from_numpy(ref["x"]).requires_grad_()
    drop = attention_drop(x, float(ref["keep_prob"]), scope="batch")
    np.testing.assert_allclose(drop.output.detach(), ref["y"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(drop.joint_attention, ref["att_s"], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(drop.joint_mask, ref["mask_s"])
    # The reference's element order is (channel, joint, frame), flattened to (channel * joint, frame).
    p, d, t, v = x.shape
    by_frame = drop.element_mask.permute(0, 1, 3, 2).reshape(p, d * v, t)
    np.testing.assert_array_equal(by_frame, ref["mask_t"])
    drop.output.sum().backward()
    np.testing.assert_allclose(x.grad, ref["grad_x_of_sum"], rtol=1e-5, atol=1e-6)


def test_sample_scope_does_not_look_at_neighbors():
    torch.manual_seed(0)
    x = torch.randn(4, 3, 5, 6)
    together = attention_drop(x, 0.68, "sample").output
    alone = torch.cat([attention_drop(row[None], 0.68, "sample").output for row in x])
    torch.testing.assert_close(together, alone)
    assert not torch.allclose(together, attention_drop(x, 0.68, "batch").output)


@pytest.mark.parametrize("scope", ["batch", "sample"])
def test_everything_dropped_is_zero_and_finite(scope):
    drop = attention_drop(torch.randn(2, 3, 4, 5), 0.5, scope)
    assert drop.output.abs().max() == 0


@pytest.mark.parametrize("scope", ["batch", "sample"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_scales_a_map_with_more_elements_than_it_can_count(scope, dtype):
    torch.manual_seed(0)
    x = torch.randn(2, 64, 50, 25).tanh()
    drop = attention_drop(x.to(dtype), 0.7, scope)
    assert drop.output.dtype == dtype
    dims = (0, 1, 2, 3) if scope == "batch" else (1, 2, 3)
    share = drop.element_mask.double().mean(dims) * drop.joint_mask.double().mean(dims[:-2] or None)
    kept = drop.element_mask * drop.joint_mask[:, None, None] > 0
    scale = torch.where(kept, drop.output.double() / x.to(dtype).double(), 0).sum(dims) / kept.sum(dims)
    torch.testing.assert_close(scale, 1 / share, rtol=4e-3, atol=0)  # bfloat16 has eight bits


def test_unknown_scope_is_named():
    with pytest.raises(ValueError, match="'clip'"):
        attention_drop(torch.randn(1, 1, 2, 2), scope="clip")


def test_places_of_a_video_map_are_dropped_as_joints_are():
    x = torch.randn(3, 4, 5, 2, 3)
    video = FeatureMap(x, torch.arange(3), 3, axes="DTHW")
    drop, joints = attention_drop(video.grid()), attention_drop(x.flatten(3))
    assert torch.equal(video.with_grid(drop.output).data, joints.output.reshape(x.shape))
    assert drop.joint_mask.shape == (3, 6)


def test_a_map_of_one_element_is_kept():
    x = torch.randn(3, 4, 1, 1)
    assert torch.equal(attention_drop(x).output, x)
