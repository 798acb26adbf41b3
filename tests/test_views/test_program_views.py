"""Motion programs beside the clips of a batch: two clips of each, others at each step and on each rank."""

from __future__ import annotations

import pytest
import torch

from mmsync.errors import ConfigError
from mmsync.ops.body_frame import body_frame
from mmsync.structures import SkeletonLayout, View
from mmsync.views import SkeletonPreprocessor
from mmsync.worlds.programs import MotionPrograms

VIEWS = dict(first=[dict(type="RandomCropResize")], second=[])
BODY = dict(layout="ntu25", body_frame=True, views=VIEWS, seed=3)


def clips(count: int = 3, persons: int = 2) -> torch.Tensor:
    return torch.randn(count, persons, 40, 25, 3, generator=torch.Generator().manual_seed(0))


def views_of(preprocessor: SkeletonPreprocessor, x=None) -> dict[str, View]:
    return preprocessor({"inputs": clips() if x is None else x}, training=True)["inputs"]


def same(a: dict[str, View], b: dict[str, View]) -> bool:
    return all(torch.equal(x, y) for name in a for x, y in zip(a[name], b[name]) if x is not None)


def test_clips_of_other_lengths_under_autocast():
    """They are resampled in single precision, as without autocast."""
    (expected,) = SkeletonPreprocessor(**BODY)({"inputs": clips()})["inputs"].values()
    with torch.autocast("cpu", torch.bfloat16):
        (found,) = SkeletonPreprocessor(**BODY)({"inputs": clips()})["inputs"].values()
    torch.testing.assert_close(found.data, expected.data, rtol=0, atol=0)


def test_programs_follow_the_clips_and_change_nothing_of_them():
    body = {**BODY, "views": dict(first=[], second=[])}  # whose draws would differ with the size of the batch
    plain = views_of(SkeletonPreprocessor(**body))
    views = views_of(SkeletonPreprocessor(**body, programs=5))
    for name in ("first", "second"):
        assert views[name].data.shape == (8, 2, 64, 20, 3)
        assert all(torch.equal(part[:3], before) for part, before in zip(views[name], plain[name]) if part is not None)
        assert views[name].present.tolist()[3:] == [[True, False]] * 5
        assert (views[name].data[3:, 1] == 0).all()
        assert torch.isfinite(views[name].data).all()
    assert not torch.equal(views["first"].data[3:], views["second"].data[3:])
    assert same(plain, views_of(SkeletonPreprocessor(**body, programs=0)))


def test_they_are_in_the_body_frame():
    view = views_of(SkeletonPreprocessor(**BODY, programs=200))["second"]
    x = view.data[3:, 0]
    torch.testing.assert_close(x[:, :, 0].mean(1), torch.zeros(200, 3), atol=1e-4, rtol=0)  # the pelvis
    assert ((x[:, :, 2] - x[:, :, 0])[..., 1].mean(1) > 0).all()
    deep = x[..., 2].ne(0).flatten(1).any(1)
    assert 0.5 < deep.float().mean() < 0.9
    left = (x[:, :, [4, 12]] - x[:, :, [8, 16]]).sum(2).mean(1)[deep]
    assert torch.atan2(left[:, 2], left[:, 0]).abs().max() < 1e-5


def test_they_are_augmented_and_pictures_stay_flat():
    views = dict(first=[dict(type="RandomRotation", max_degrees=(0, 60, 0))], second=[])
    body = {**BODY, "views": views}
    first = views_of(SkeletonPreprocessor(**body, programs=200))["first"].data[3:, 0]
    deep = first[..., 2].ne(0).flatten(1).any(1)
    assert 0.5 < deep.float().mean() < 0.9
    left = (first[:, :, [4, 12]] - first[:, :, [8, 16]]).sum(2).mean(1)[deep]
    assert torch.atan2(left[:, 2], left[:, 0]).std() > 0.2


def test_a_seed_a_step_and_a_rank_say_which(monkeypatch):
    one, other = (SkeletonPreprocessor(**BODY, programs=4) for _ in range(2))
    first = views_of(one)
    assert same(first, views_of(other))
    second = views_of(one)
    assert not torch.equal(first["first"].data[3:], second["first"].data[3:])
    resumed = SkeletonPreprocessor(**{**BODY, "seed": 0}, programs=4)
    resumed.load_state_dict(other.state_dict())
    assert same(second, views_of(resumed))
    monkeypatch.setattr("mmsync.views.preprocessor.get_rank", lambda: 1)
    assert not torch.equal(
        views_of(SkeletonPreprocessor(**BODY, programs=4))["first"].data[3:], first["first"].data[3:]
    )


def test_evaluation_sees_none():
    views = SkeletonPreprocessor(**BODY, programs=4)({"inputs": clips()})["inputs"]
    assert {len(view.data) for view in views.values()} == {3}


def test_options_of_programs():
    preprocessor = SkeletonPreprocessor(**BODY, programs=dict(count=4, variants=0.5, redraw_rest=True, meetings=0.5))
    view = views_of(preprocessor)["first"]
    assert view.present[3:].tolist() == [[True, True]] * 2 + [[True, False]] * 2
    view = views_of(preprocessor, clips(persons=1))["first"]  # data of one person get a place for a second one
    assert view.present.tolist() == [[True, False]] * 3 + [[True, True]] * 2 + [[True, False]] * 2
    assert (view.data[~view.present] == 0).all()


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (dict(programs=-1), "whole number"),
        (dict(programs=2.5), "whole number"),
        (dict(programs=dict(variants=0.5)), "whole number"),
        (dict(programs=dict(count=4, variant=0.5)), "variants"),
        (dict(programs=4, body_frame=False), "body_frame=True"),
        (dict(programs=4, views=dict(query=[], key=[])), "query, key"),
        (dict(programs=4, views=None), "none"),
    ],
)
def test_where_programs_cannot_work(change, hint):
    with pytest.raises(ConfigError, match=hint):
        SkeletonPreprocessor(**{**BODY, **change})


def test_pictures_and_upper_bodies_have_the_scale_of_their_bones():
    """A joint that stands at its ancestor makes no bone; depth zero is a picture, which nobody turns."""
    generator = torch.Generator().manual_seed(0)
    points = MotionPrograms.draw(8, generator).render(generator, sensor=None)[:, None]
    upper = points.clone()
    upper[:, :, :, 12:] = upper[:, :, :, :1]
    whole, part = (body_frame(x, torch.eye(20))[0] for x in (points, upper))
    arm, same_arm = ((x[:, :, :, 5] - x[:, :, :, 4]).norm(dim=-1) for x in (whole, part))
    assert 0.9 < (same_arm / arm).mean() < 1.6
    picture = points * torch.tensor([-1.0, 1.0, 0.0])  # seen from behind
    x = body_frame(picture, torch.eye(20))[0]
    pixels = body_frame(picture[..., :2] * torch.tensor([1.0, -1.0]), torch.eye(20))[0]
    torch.testing.assert_close(x, pixels)
    assert (x[:, :, :, 4, 0] < x[:, :, :, 8, 0]).float().mean() > 0.8
    assert SkeletonLayout.get("kinect20").joints[4] == "left_shoulder"
