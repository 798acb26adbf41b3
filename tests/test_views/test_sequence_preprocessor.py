"""The data preprocessor of sequences: joints, shared windows, frames that match, padding, and resumed runs."""

from __future__ import annotations

import copy

import pytest
import torch

from mmsync.config import check
from mmsync.errors import ConfigError, DataError, LayoutError
from mmsync.ops.skeleton_align import ALIGNMENTS, align_frames, align_frames_2d
from mmsync.structures import View
from mmsync.views import SequencePreprocessor
from mmsync.views.sequence.matching import put_rows, shared_frames

N, T = 6, 30
TRIM, DROP = dict(type="TrimFrames", min_frames=4), dict(type="DropFrames")
SPATIAL = [dict(type=name, prob=0.5) for name in ("SequenceAngleNoise", "SequenceFlip", "JointNoise")]


def batch(lengths=(30, 4, 12, 1, 29, 20), shape=(25, 3)) -> View:
    x = torch.randn(len(lengths), max(lengths), *shape, generator=torch.Generator().manual_seed(0))
    return View(x, None, torch.arange(max(lengths)) < torch.tensor(lengths)[:, None])


def build(**args):
    return SequencePreprocessor(**{"seed": 3, **args})


def views(pre, view, training=True):
    return pre(dict(inputs=dict(sequence=view)), training)["inputs"]


def test_a_resumed_run_repeats_the_uninterrupted_one():
    args = dict(
        common=[TRIM], views=dict(a=[DROP, *SPATIAL], b=[DROP]), layout="openpose25", normalize="casa", min_match=4
    )
    whole = build(**args)
    steps = [views(whole, batch()) for _ in range(4)]
    first = build(**args)
    for _ in range(2):
        views(first, batch())
    resumed = build(**{**args, "seed": 0})
    resumed.load_state_dict(copy.deepcopy(first.state_dict()))
    for expected in steps[2:]:
        found = views(resumed, batch())
        for name in "ab":
            assert all(torch.equal(x, y) for x, y in zip(found[name], expected[name]) if x is not None)
    assert not torch.equal(steps[0]["a"].valid.sum(1), steps[1]["a"].valid.sum(1))


def test_a_common_window_is_shared_and_other_windows_are_not():
    shared = views(build(common=[dict(TRIM, ratio=0.3)], views=dict(a=[], b=[DROP])), batch((T,) * 40))
    a, b = shared["a"], shared["b"]
    low, high = (torch.where(a.valid, a.index, fill) for fill in (T, -1))
    inside = (b.index >= low.amin(1, keepdim=True)) & (b.index <= high.amax(1, keepdim=True))
    assert inside[b.valid].all()
    assert len(a.valid.sum(1).unique()) > 5
    own = views(build(views=dict(a=[dict(TRIM, ratio=0.3)], b=[dict(TRIM, ratio=0.3)])), batch((T,) * 40))
    assert (own["a"].index[:, 0] != own["b"].index[:, 0]).sum() > 20


def test_views_that_share_too_few_frames_are_drawn_anew():
    lists = dict(a=[dict(type="SampleFrames", num=5, rule="sorted_uniform")] * 1, b=[dict(TRIM, ratio=0.2)])
    lengths = (30, 2, 12, 1, 29, 20)
    before = views(build(views=lists), batch(lengths))
    after = views(build(views=lists, min_match=3), batch(lengths))
    enough = torch.tensor(lengths).clamp(max=3)
    few = shared_frames(before["a"], before["b"]) < enough
    assert 0 < few.sum() < N
    assert (shared_frames(after["a"], after["b"]) >= enough).all()
    for name in "ab":
        old, new = before[name], after[name]
        size = min(old.data.shape[1], new.data.shape[1])
        assert torch.equal(old.data[~few, :size], new.data[~few, :size])


def test_after_ten_draws_the_second_view_is_as_the_first():
    lists = dict(
        a=[dict(type="SampleFrames", num=3, rule="sorted_uniform")],
        b=[dict(type="SampleFrames", num=2, rule="sorted_uniform"), dict(type="JointNoise", prob=1.0)],
    )
    out = views(build(views=lists, min_match=3), batch((500, 500)))
    assert all(torch.equal(x, y) for x, y in zip(out["a"], out["b"]) if x is not None)


def test_shared_frames_equal_a_loop():
    generator = torch.Generator().manual_seed(0)
    one, other = (
        View(torch.zeros(8, n, 1), None, torch.rand(8, n, generator=generator) < 0.7,
             torch.randint(0, 20, (8, n), generator=generator) / 2)
        for n in (9, 14)
    )  # fmt: skip
    for n, found in enumerate(shared_frames(one, other).tolist()):
        there = set(other.index[n][other.valid[n]].tolist())
        assert found == sum(value in there for value in one.index[n][one.valid[n]].tolist())


def test_rows_are_replaced_and_padded_to_the_longer_view():
    short, long = batch((4, 3, 2)), batch((6, 5, 4))
    short, long = (v._replace(index=torch.arange(v.data.shape[1]) + torch.zeros(3, 1)) for v in (short, long))
    out = put_rows(short, torch.tensor([1]), long.take(torch.tensor([1])))
    assert torch.equal(out.data[1], long.data[1])
    assert torch.equal(out.data[[0, 2], :4], short.data[[0, 2]])
    assert out.valid.sum(1).tolist() == [4, 5, 2]


def test_padding_that_no_sample_uses_is_cut_and_the_rest_is_zero():
    view = batch((9, 3))
    longer = View(
        torch.cat([view.data, torch.ones(2, 21, 25, 3)], 1), None, torch.cat([view.valid, torch.zeros(2, 21) > 0], 1)
    )
    for training in (False, True):
        out = views(build(views=dict(clip=[])), longer, training)["clip"]
        assert out.data.shape == (2, 9, 75)
        assert not out.data[~out.valid].any()
        assert torch.equal(out.data[out.valid], view.data.flatten(2)[view.valid])
        assert out.index.shape == out.valid.shape == (2, 9)
    nothing = views(build(), View(longer.data, None, torch.zeros(2, 30) > 0), False)["clip"]
    assert nothing.data.shape == (2, 1, 75)
    plain = views(build(), View(longer.data), False)["clip"]
    assert torch.equal(plain.data, longer.data.flatten(2))


def test_evaluation_normalizes_whole_sequences_and_draws_nothing():
    pre = build(common=[TRIM], views=dict(clip=[DROP, *SPATIAL]), layout="openpose25", normalize="casa")
    one, other = (views(pre, batch(), False)["clip"] for _ in range(2))
    assert torch.equal(one.data, other.data)
    expected = align_frames(batch().data, **ALIGNMENTS["body25"]).flatten(2)
    torch.testing.assert_close(one.data[one.valid], expected[one.valid])
    assert int(pre.step) == 0


@pytest.mark.parametrize(
    "normalize", ["casa", "body25", dict(z=(1, 8), x=(1, 5)), dict(z=("neck", "pelvis"), x=(1, 5))]
)
def test_names_and_pairs_of_joints_mean_the_same_and_features_stay(normalize):
    view = batch()
    features = torch.randn(N, T, 7)
    both = view._replace(data=torch.cat([view.data.flatten(2), features], 2))
    out = views(build(layout="openpose25", joints=(25, 3), normalize=normalize), both, False)["clip"]
    expected = align_frames(view.data, **ALIGNMENTS["body25"]).flatten(2)
    torch.testing.assert_close(out.data[out.valid], torch.cat([expected, features], 2)[out.valid])


def test_2d_joints_are_normalized_by_their_trunk():
    view = batch(shape=(13, 2))
    out = views(build(layout="penn13", normalize="torso2d"), view, False)["clip"]
    expected = align_frames_2d(view.data, (7, 8), (1, 2), valid=view.valid).flatten(2)
    torch.testing.assert_close(out.data[out.valid], expected[out.valid])


def test_angle_noise_flip_and_noise_train_on_normalized_joints_with_finite_values():
    pre = build(common=[TRIM], views=dict(a=[DROP, *SPATIAL], b=[DROP, *SPATIAL]), layout="ntu25", normalize="casa")
    for _ in range(3):
        for view in views(pre, batch()).values():
            assert torch.isfinite(view.data).all()
            assert view.data.shape[2] == 75


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (dict(common=[TRIM]), "common without views"),
        (dict(common=[dict(type="Shear")], views=dict(a=[])), "common.0: Shear augments skeleton"),
        (dict(common=TRIM, views=dict(a=[])), "common: .* give a list"),
        (dict(min_match=2, views=dict(a=[])), "give two, or min_match=0"),
        (dict(joints=25), "joints=25"),
        (dict(normalize="body26"), "did you mean 'body25'"),
        (dict(normalize="casa"), "knows layouts"),
        (dict(normalize="torso2d"), "their layout"),
        (dict(normalize=dict(z=(1, 2))), "normalize has z"),
        (dict(normalize=dict(z=(1, 2), x=3)), "x=3; give two joints"),
    ],
)
def test_wrong_arguments_are_refused(args, text):
    with pytest.raises(ConfigError, match=text):
        build(**args)


def test_wrong_data_are_refused():
    with pytest.raises(LayoutError, match="'openpose25' has 25 joints, but the sequences have 13"):
        views(build(layout="openpose25"), batch(shape=(13, 2)))
    with pytest.raises(DataError, match="too few for joints"):
        views(build(joints=(25, 3)), View(torch.randn(2, 5, 10)))
    with pytest.raises(DataError, match=r"give joints=\(V, C\)"):
        views(build(normalize="body25"), View(torch.randn(2, 5, 75)))


def test_the_check_of_a_config_sees_what_is_common():
    wrong = dict(
        type="SequencePreprocessor",
        views=dict(a=[]),
        common=[dict(type="VideoFlip"), dict(type="TrimFrames", ration=0.5)],
    )
    encoder = dict(type="Encoder", backbone=dict(type="SignalCNN"))
    with pytest.raises(ConfigError) as error:
        check(dict(model=dict(type="SimSiam", encoder=encoder, data_preprocessor=wrong)))
    found = "\n".join(error.value.problems)
    assert "model.data_preprocessor.common.0: VideoFlip augments video data" in found
    assert "model.data_preprocessor.common.1.ration: " in found
    assert "did you mean 'ratio'" in found
