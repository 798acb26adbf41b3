"""ViewDistance equals the equation looped in NumPy with SciPy's rotations, and keeps what is absent absent."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from mmsync.errors import ConfigError, LayoutError
from mmsync.ops import augment as ops
from mmsync.structures import View
from mmsync.views import SkeletonPreprocessor
from mmsync.views import skeleton_augment as A
from mmsync.views.view_distance import SIX_ANGLES, ViewDistance

CENTER = 20  # of ntu25


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


def clips(n=6, m=2, t=10, v=25, c=3):
    """Clips with every case: both persons, one, only the second, none; padding, and a person who comes later."""
    x = torch.randn(n, m, t, v, c, generator=gen(), dtype=torch.float64) + 2
    mask = torch.tensor([[1, 1], [1, 0], [0, 1], [0, 0], [1, 1], [1, 1]]).bool()
    x[4, 1, :4] = 0
    x[5, 0, :3] = 0
    x[4, :, 8:] = 0
    return x * mask[:, :, None, None, None], mask


# ---- rotations ------------------------------------------------------------------------------------------------------

TRIPLES = torch.tensor(list(itertools.product(SIX_ANGLES, repeat=3)), dtype=torch.float64) * (math.pi / 180)


def test_the_printed_matrices_make_36_rotations_and_the_corrected_ones_108():
    for as_printed, count in ((True, 36), (False, 108)):
        matrices = ops.view_matrix(TRIPLES, as_printed)
        assert matrices.shape == (216, 3, 3)
        assert len(np.unique(matrices.round(decimals=6).numpy() + 0.0, axis=0)) == count


def test_the_matrices_are_scipys_of_turned_axes():
    """A passive rotation is the inverse of the active one; the printed form has z in the place of y."""
    angles = np.random.default_rng(0).uniform(-7, 7, (20, 4, 3))
    for letters, as_printed in (("xyz", False), ("xzz", True)):
        x, y, z = (Rotation.from_euler(a, angles[..., i].reshape(-1, 1)).inv() for i, a in enumerate(letters))
        expected = (x * y * z).as_matrix().reshape(20, 4, 3, 3)
        np.testing.assert_allclose(ops.view_matrix(torch.from_numpy(angles), as_printed), expected, atol=1e-12)


# ---- the whole, against loops ---------------------------------------------------------------------------------------


def naive(x, mask, aug, draws):
    """The docstring of ViewDistance, point by point."""
    x, out = x.numpy(), x.numpy().copy()
    apply = draws.get("apply", torch.ones(len(x)))
    for n in range(len(x)):
        persons = [m for m in range(x.shape[1]) if mask[n, m]]
        if not persons or not apply[n]:
            continue
        origin = np.zeros(3)
        if aug.origin_joint is not None:
            main = x[n, persons[0]]
            origin = main[[frame.any() for frame in main].index(True), CENTER, :3]
        for m, t, v in itertools.product(persons, range(x.shape[2]), range(x.shape[3])):
            if not x[n, m, t].any():
                continue
            f = t if aug.level == "frame" else 0
            letters = "xzz" if aug.rotation == "as_printed" else "xyz"
            r = np.eye(3)
            for letter, degrees in zip(letters, draws["degrees"][n, f].tolist()):
                r = r @ Rotation.from_euler(letter, degrees, degrees=True).as_matrix().T
            p = x[n, m, t, v, :3] - origin
            if "steps" in draws:
                k = draws["steps"][n, f].numpy() * aug.unit
                axes = {"x": [1, 0, 0], "y": [0, 1, 0], "z": [0, 0, 1], "xyz": [1, 1, 1]}
                u = draws["direction"][n, f].numpy() if "direction" in draws else np.array(axes[aug.distance_axis])
                if aug.distance_mode == "translate":
                    p = r @ (p - k * u)
                else:
                    c = aug.camera_distance
                    p = r @ p
                    p = p * c / max(c + k[0] + u @ p, c / 10)
            else:
                p = r @ p
            out[n, m, t, v, :3] = p
    return out


CASES = [
    dict(),
    dict(rotation="as_printed", unit=0.5, distance_axis="x"),
    dict(level="frame", distance_axis="random"),
    dict(distance_axis="xyz", angles=dict(low=-90, high=90)),
    dict(distance=None),
    dict(distance=[], origin_joint=None),
    dict(origin_joint=None, distance=dict(low=-1, high=2), distance_axis="y"),
    dict(distance_mode="perspective"),
    dict(distance_mode="perspective", distance_axis="random", level="frame", camera_distance=2.0, distance=2),
    dict(prob=0.5, beta=0),
    dict(prob=0.5, distance_mode="perspective", level="frame"),
]


@pytest.mark.parametrize("options", CASES, ids=str)
def test_the_augmentation_equals_loops(options):
    x, mask = clips()
    before = x.clone()
    aug = ViewDistance(**options, layout="ntu25")
    draws = aug.draw(x, gen(1))
    if aug.prob < 1:
        assert 0 < draws["apply"].sum() < len(x)
    out = aug.apply(x, mask, draws)
    np.testing.assert_allclose(out, naive(x, mask, aug, draws), rtol=1e-9, atol=1e-9)
    assert torch.equal(x, before)
    assert not out[~mask].any()
    assert not out[4, 1, :4].any()
    assert not out[4, :, 8:].any()
    assert torch.equal(aug(View(x, mask), gen(1)).data, out)
    assert torch.equal(aug.apply(x, None, draws), out)  # who is all zero is absent, told or not


def test_in_chunks_as_at_once(monkeypatch):
    """Second persons come in another chunk than the first ones whose place they need."""
    x, mask = clips()
    aug = ViewDistance(layout="ntu25")
    draws = aug.draw(x, gen())
    whole = aug.apply(x, mask, draws)
    monkeypatch.setattr(ops, "CHUNK", 1)
    torch.testing.assert_close(aug.apply(x, mask, draws), whole, rtol=1e-12, atol=1e-12)


def test_the_origin_is_the_joint_of_the_first_person_and_a_shift_keeps_sizes():
    x, mask = clips()
    out = ViewDistance(distance=None, layout="ntu25")(View(x, mask), gen()).data
    assert out[0, 0, 0, CENTER].abs().max() < 1e-12
    assert out[2, 1, 0, CENTER].abs().max() < 1e-12
    near = ViewDistance(angles=0, layout="ntu25")(View(x, mask), gen()).data
    torch.testing.assert_close(near[0, 0] - near[0, 0, :, :1], x[0, 0] - x[0, 0, :, :1])
    between = out[0, 0] - out[0, 1]
    torch.testing.assert_close(between.norm(dim=-1), (x[0, 0] - x[0, 1]).norm(dim=-1))


def test_perspective_shrinks_with_distance_and_never_divides_by_nothing():
    x, mask = clips()
    sizes = []
    for k in (0, 1, 5):
        aug = ViewDistance(angles=0, distance=k, distance_mode="perspective", camera_distance=30.0, layout="ntu25")
        out = aug(View(x, mask), gen()).data
        sizes.append(out[0, 0].std().item())
    assert sizes[0] > 1.02 * sizes[1] > 1.02 * sizes[2]
    aug = ViewDistance(distance_mode="perspective", camera_distance=0.5, distance=0, layout="ntu25")
    out = aug(View(1e3 * x, mask), gen()).data  # half of the points are behind the camera
    assert torch.isfinite(out).all()
    assert out.abs().max() <= 1e4 * x.abs().max() * 2


def test_a_layout_of_20_joints_in_the_data_preprocessor_and_a_fourth_channel():
    x, mask = clips(v=20, c=4)
    pre = SkeletonPreprocessor("kinect20", views={"first": [dict(type="ViewDistance")]}, seed=0)
    data = {"inputs": {"keypoint": x.float(), "person_mask": mask}, "data_samples": []}
    view = pre(data, training=True)["inputs"]["first"]
    assert view.data.shape == x.shape
    assert torch.equal(view.data[..., 3], x[..., 3].float())
    assert not torch.isclose(view.data[..., :3], x[..., :3].float())[mask].all(-1)[:, 5].any()


# ---- in a sequence --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [CASES[0], CASES[2], CASES[7], CASES[8], CASES[9]], ids=str)
def test_a_fused_sequence_equals_one_after_the_other(options):
    x, mask = clips()
    view = ViewDistance(**options)
    chain = [A.RandomCropResize((0.5, 0.8)), view, A.Mirror(), A.Shear(), A.JointMask(0.2), A.TemporalFlip()]
    for order in (chain, chain[::-1], chain[1:] + chain[:1], [view, view, A.GaussianBlur(), view]):
        sequence = A.AugmentationSequence(order).bind("ntu25", 3)
        draws = sequence.draw(x, gen(2))
        y = x
        for i, step in enumerate(order):
            y = step.apply(y, mask, {k.split(".")[1]: v for k, v in draws.items() if k.startswith(f"{i}.")})
        torch.testing.assert_close(sequence.apply(x, mask, draws), y, rtol=1e-9, atol=1e-9)


def test_masked_joints_stay_zero_when_the_mask_comes_last():
    x, mask = clips()
    for last, zeros in ((True, 5), (False, 0)):
        order = [ViewDistance(), A.JointMask(0.2)]
        out = A.AugmentationSequence(order if last else order[::-1]).bind("ntu25")(View(x, mask), gen()).data
        assert (out[0, 0, 3] == 0).all(-1).sum() == zeros


def test_time_maps_commute_with_a_whole_clips_view_only_where_the_origin_is_given():
    x = torch.randn(4, 1, 12, 25, 3, generator=gen(), dtype=torch.float64)
    crop = A.RandomCropResize((0.4, 0.6))
    cut = crop.draw(x, gen(1))

    def difference(**options):
        view = ViewDistance(**options, layout="ntu25")
        turn = view.draw(x, gen(2))
        a = view.apply(crop.apply(x, None, cut), None, turn)
        return (a - crop.apply(view.apply(x, None, turn), None, cut)).abs().max()

    assert difference(origin_joint=None) < 1e-9
    assert difference() > 0.1  # after the crop the origin is that of the crop's first frame
    assert difference(origin_joint=None, level="frame") > 0.1


# ---- draws and options ----------------------------------------------------------------------------------------------


def test_draws_are_uniform_in_their_sets_and_independent():
    x = torch.zeros(1).expand(6000, 1, 2, 25, 3)
    draws = ViewDistance(distance_axis="random").draw(x, gen())
    degrees, steps = draws["degrees"][:, 0], draws["steps"][:, 0]
    columns = torch.cat([degrees / 60, steps], dim=1)
    assert columns.shape == (6000, 4)
    for column in columns.T:
        counts = torch.bincount(column.round().long(), minlength=6)
        assert counts.sum() == 6000
        assert len(counts) == 6
        assert (counts - 1000).abs().max() < 130  # 4.5 standard deviations
    assert (columns.T.corrcoef() - torch.eye(4)).abs().max() < 0.06
    torch.testing.assert_close(columns, columns.round())
    direction = draws["direction"][:, 0]
    torch.testing.assert_close(direction.norm(dim=1), torch.ones(6000))
    assert (direction.T @ direction / 6000 - torch.eye(3) / 3).abs().max() < 0.03
    assert direction.mean(0).abs().max() < 0.04


def test_axes_are_fixed_have_sets_or_ranges_of_their_own_and_frames_their_own_draws():
    x = torch.zeros(1).expand(500, 1, 8, 25, 3)
    aug = ViewDistance(alpha=0, beta=[10, 20], gamma=dict(low=-5, high=5), level="frame", distance=dict(low=1, high=3))
    draws = aug.draw(x, gen())
    alpha, beta, gamma = draws["degrees"].unbind(2)
    assert alpha.shape == (500, 8)
    assert not alpha.any()
    assert set(beta.unique().tolist()) == {10, 20}
    assert -5 <= gamma.min() < -4.9 < 4.9 < gamma.max() <= 5
    assert 1 <= draws["steps"].min() < 1.01 < 2.99 < draws["steps"].max() <= 3
    assert (beta[:, :1] != beta).any(1).float().mean() > 0.95
    assert "steps" not in ViewDistance(distance=None).draw(x, gen())
    assert set(ViewDistance(angles=0).draw(x, gen())["degrees"].unique().tolist()) == {0}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(angles=[]), "angles"), (dict(alpha="sixty"), "alpha"), (dict(gamma="60"), "gamma"),
        (dict(beta=dict(low=1)), "beta"), (dict(beta=dict(low=2, high=1)), "beta"),
        (dict(distance=[0, float("nan")]), "distance"), (dict(rotation="correct"), "'as_printed'"),
        (dict(level="clip"), "'sequence'"), (dict(distance_axis="w"), "'random'"),
        (dict(distance_mode="scale"), "'perspective'"), (dict(unit=0), "unit"),
        (dict(camera_distance=-1), "camera_distance"), (dict(prob=2), "prob"),
        (dict(distance_mode="perspective", distance_axis="xyz"), "distance_axis"),
    ],
)  # fmt: skip
def test_a_bad_option_is_named(options, words):
    with pytest.raises(ConfigError, match=words):
        ViewDistance(**options)


def test_joints_have_to_be_known_and_data_to_be_3d():
    x, mask = clips()
    with pytest.raises(LayoutError, match="no joint 'tail'"):
        ViewDistance(origin_joint="tail").bind("ntu25")
    with pytest.raises(LayoutError, match="layout="):
        ViewDistance()(View(x, mask), gen())
    with pytest.raises(ConfigError, match="2 coordinates"):
        ViewDistance().bind("coco17", 2)
    other = ViewDistance(angles=0, distance=None, origin_joint="head", layout="ntu25")(View(x, mask), gen()).data
    torch.testing.assert_close(other[0], x[0] - x[0, 0, 0, 3])
