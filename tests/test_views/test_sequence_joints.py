"""Augmentations of joints of sequences: what they move, what they leave, and that padding has no influence."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mmsync.errors import ConfigError, DataError, LayoutError
from mmsync.ops.skeleton_align import ALIGNMENTS, align_frames
from mmsync.registry import TRANSFORMS
from mmsync.structures import SkeletonLayout, View
from mmsync.views import SequencePreprocessor

BODY = SkeletonLayout.get("openpose25")
NAMES = ("SequenceAngleNoise", "SequenceFlip", "JointNoise", "SequenceRotate")


def align(x, valid):
    return align_frames(x, **ALIGNMENTS["body25"])


def build(name, layout=BODY, joints=(25, 3), normalized=True, **args):
    return TRANSFORMS.build(dict(type=name, **args)).bind(layout, joints, align if normalized else None)


def batch(joints=(25, 3), features=4) -> View:
    x = torch.randn(5, 12, joints[0] * joints[1] + features, generator=torch.Generator().manual_seed(0))
    valid = torch.arange(12) < torch.tensor([12, 1, 5, 9, 12])[:, None]
    return View(x, None, valid, torch.arange(12.0).expand(5, -1))


@pytest.mark.parametrize("joints", [(25, 3), (25, 2)])
@pytest.mark.parametrize("name", NAMES)
def test_features_padding_and_samples_left_out_stay_as_they_are(name, joints):
    part, view = build(name, joints=joints, normalized=joints[1] == 3, prob=0.5), batch(joints)
    draws = part.draw(view.data, torch.Generator().manual_seed(0))
    draws["apply"] = torch.tensor([True, True, False, True, False])
    out = part.apply(view, draws)
    width = joints[0] * joints[1]
    assert torch.equal(out.data[..., width:], view.data[..., width:])
    assert torch.equal(out.data[~view.valid], view.data[~view.valid])
    assert torch.equal(out.data[[2, 4]], view.data[[2, 4]])
    assert not torch.isclose(out.data[0, :, :width], view.data[0, :, :width]).all(1).any()
    assert torch.equal(out.valid, view.valid)


@pytest.mark.parametrize("name", NAMES)
def test_padding_has_no_influence(name):
    part, view = build(name, prob=1.0), batch()
    draws = part.draw(view.data, torch.Generator().manual_seed(0))
    longer = View(F.pad(view.data, (0, 0, 0, 50)), None, F.pad(view.valid, (0, 50)))
    per_frame = {key: x for key, x in draws.items() if x.dim() > 1 and x.shape[1] == 12}
    padded = {
        key: torch.cat([x, torch.full_like(x[:, :1], 9.0).repeat_interleave(50, 1)], 1) for key, x in per_frame.items()
    }
    one, other = part.apply(view, draws), part.apply(longer, {**draws, **padded})
    torch.testing.assert_close(other.data[:, :12][view.valid], one.data[view.valid])


def test_angle_noise_is_smooth_keeps_bones_and_leaves_roots():
    part = build("SequenceAngleNoise", normalized=False, prob=1.0, variance=100.0)
    still = torch.randn(1, 1, 75, generator=torch.Generator().manual_seed(0)).expand(1, 60, 75)
    out = part(still, torch.Generator().manual_seed(1)).unflatten(2, (25, 3))
    before = still.unflatten(2, (25, 3))
    child, parent = torch.tensor(BODY.bones).T
    lengths = [(x[:, :, child] - x[:, :, parent]).norm(dim=3) for x in (out, before)]
    torch.testing.assert_close(*lengths, atol=1e-5, rtol=1e-5)
    unmoved = [j for j in range(25) if BODY.parents[j] == j or BODY.parents[BODY.parents[j]] == BODY.parents[j]]
    torch.testing.assert_close(out[:, :, unmoved], before[:, :, unmoved])
    wrist = out[0, :, BODY.joint("left_wrist")]
    steps = (wrist[1:] - wrist[:-1]).norm(dim=1)
    assert (wrist - before[0, :, BODY.joint("left_wrist")]).norm(dim=1).max() > 3 * steps.max()


def test_angle_noise_as_released_does_nothing():
    view = batch()
    assert torch.equal(build("SequenceAngleNoise", casa_compat=True, prob=1.0)(view).data, view.data)


def test_flip_is_a_reflection_then_normalized_and_may_exchange_sides():
    view = batch(features=0)
    x = view.data.unflatten(2, (25, 3))
    mirrored = x * torch.tensor([-1.0, 1, 1])
    for swap in (False, True):
        expected = align(mirrored[:, :, list(BODY.flip_index)] if swap else mirrored, None)
        out = build("SequenceFlip", prob=1.0, swap_lr=swap)(view).data.unflatten(2, (25, 3))
        torch.testing.assert_close(out[view.valid], expected[view.valid])
    with pytest.raises(LayoutError, match="no left and right joints"):
        build("SequenceFlip", SkeletonLayout("plain", ("a", "b"), (0, 0)), (2, 3), swap_lr=True)


def test_joint_noise_is_white_or_one_offset_for_a_frame():
    view = View(torch.zeros(50, 40, 75))
    noise = build("JointNoise", prob=1.0)(view).data
    assert abs(noise.std() - 0.1) < 1e-3
    offset = build("JointNoise", prob=1.0, per_frame_offset=True)(view).data.unflatten(2, (25, 3))
    assert torch.equal(offset, offset[:, :, :1].expand_as(offset))
    assert len(offset[0, :, 0, 0].unique()) == 40


def test_rotation_is_about_the_vertical_axis_and_in_2d_in_the_plane():
    view = batch(features=0)
    x = view.data.unflatten(2, (25, 3))
    out = build("SequenceRotate", max_degrees=180.0)(view).data.unflatten(2, (25, 3))
    torch.testing.assert_close(out[..., 2], x[..., 2])
    torch.testing.assert_close(out.norm(dim=3), x.norm(dim=3))
    flat = batch((25, 2), 0)
    part = build("SequenceRotate", joints=(25, 2), scale=(2.0, 2.0))
    draws = part.draw(flat.data, torch.Generator().manual_seed(0))
    turn = torch.polar(torch.tensor(2.0).expand(5), draws["degrees"].deg2rad())[:, None, None]
    expected = torch.view_as_real(torch.view_as_complex(flat.data.unflatten(2, (25, 2))) * turn).flatten(2)
    torch.testing.assert_close(part.apply(flat, draws).data[flat.valid], expected[flat.valid])


@pytest.mark.parametrize("name", NAMES)
def test_joints_that_are_not_known_are_asked_for(name):
    pre = SequencePreprocessor(views=dict(clip=[dict(type=name, prob=1.0)]))
    with pytest.raises((DataError, LayoutError), match="SequencePreprocessor"):
        pre(dict(inputs=torch.randn(2, 6, 75)), True)
    with pytest.raises(DataError, match="of 2 or 3 coordinates, not 4"):
        build(name, joints=(25, 4), prob=1.0)(torch.randn(2, 6, 100))


def test_wrong_arguments_are_refused():
    for name, args in (
        ("SequenceRotate", dict(axis=3)),
        ("SequenceAngleNoise", dict(width=0)),
        ("JointNoise", dict(std=-1)),
    ):
        with pytest.raises(ConfigError):
            TRANSFORMS.build(dict(type=name, **args))
