"""What differs between clips, on worlds whose truth is known; the views that follow from it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.stats import circmean, circstd

from mmsync.datasets.invariances import NEARER, Facts, _distances, _images, circular, measure
from mmsync.datasets.sources import SyntheticSource
from mmsync.datasets.view_advice import recommend
from mmsync.structures import SkeletonLayout
from mmsync.views.augmentation import AugmentationSequence
from mmsync.worlds.world import SyntheticWorld

ONE_ARM = ["wave", "hammer", "throw", "kick"]
UNTURNED = ["wave", "squat", "sit_down", "throw", "clap"]


def world(clips=120, coords=None, **options):
    source = SyntheticSource((clips, 1), **{"actions": UNTURNED, **options})
    return [source.load(i) for i in range(clips)], source, {k: v[:clips] for k, v in source.attributes.items()}


def facts_of(**options):
    clips, source, attributes = world(**options)
    return measure(clips, source.layout, source.num_coords, attributes)


@pytest.fixture(scope="module")
def fixed():
    return facts_of(yaw=(-5.0, 5.0), pitch=0.0, roll=0.0)


@pytest.fixture(scope="module")
def around():
    return facts_of()


def advised(facts, kind):
    return next((config for config, _ in recommend(facts) if config is not None and config["type"] == kind), None)


def test_circular_statistics_equal_scipy():
    angles = np.random.default_rng(0).normal(3.0, 0.7, 200)
    mean, std = circular(angles)
    assert std == pytest.approx(circstd(angles))
    assert np.exp(1j * mean) == pytest.approx(np.exp(1j * circmean(angles)))


def test_distances_equal_scipy():
    a, b = np.random.default_rng(0).normal(size=(2, 9, 4, 3))
    assert np.allclose(_distances(a, b), cdist(a.reshape(9, -1), b.reshape(9, -1)))


def test_images_equal_a_loop():
    rng = np.random.default_rng(0)
    motions, images = rng.normal(size=(2, 40, 3, 2))
    images[:20] = motions[np.arange(20) + 20]
    others = np.arange(40)[:, None] % 4 != np.arange(40) % 4
    found, differs = [], 0
    for i in range(40):
        rows = [j for j in range(40) if others[i, j]]
        near = min(np.linalg.norm(motions[i] - motions[j]) for j in rows)
        if np.linalg.norm(motions[i] - images[i]) > 1.5 * near:
            differs += 1
            j = min(rows, key=lambda j: np.linalg.norm(images[i] - motions[j]))
            found.append(np.linalg.norm(images[i] - motions[j]) < NEARER * np.linalg.norm(motions[i] - motions[j]))
    share, seen = _images(motions, images, others)
    assert share == differs / 40
    assert seen == pytest.approx(np.mean(found))


def test_a_fixed_camera_and_one_that_goes_around(fixed, around):
    assert fixed.heading_range < 35 < 120 < around.heading_range
    assert fixed.heading_std < 30 < 90 < around.heading_std
    assert max(advised(fixed, "RandomRotation")["max_degrees"]) <= 35
    assert advised(around, "RandomRotation")["max_degrees"][1] == 180
    assert fixed.up == around.up == "+y"
    assert fixed.across == "x"


def test_the_headings_of_three_cameras(around):
    means = [around.heading_of_view[str(view)][0] for view in (1, 2, 3)]
    apart = np.sort(np.diff(np.sort(means)))
    assert len(around.heading_of_view) == 3
    assert (apart > 80).all()


def test_people_who_look_one_of_two_opposite_ways():
    clips, source, attributes = world(60, yaw=(-5.0, 5.0))
    some = [clip * np.array([-1, 1, -1], np.float32) if i % 2 else clip for i, clip in enumerate(clips)]
    facts = measure(some, source.layout, 3, attributes)
    assert facts.line_range < 40 < 120 < facts.heading_range
    assert any("two opposite ones" in reason for _, reason in recommend(facts))


def test_tilt_is_that_of_the_camera(fixed):
    assert facts_of(yaw=(-5.0, 5.0), pitch=40.0, roll=0.0).tilt > fixed.tilt + 4


@pytest.mark.parametrize(
    ("axes", "signs", "up", "across"), [((0, 2, 1), (1, 1, 1), "+z", "x"), ((2, 1, 0), (1, -1, 1), "-y", "z")]
)
def test_the_axis_of_standing_people(fixed, axes, signs, up, across):
    clips, source, attributes = world(60, yaw=(-5.0, 5.0), pitch=0.0, roll=0.0)
    turned = [clip[..., list(axes)] * np.array(signs, np.float32) for clip in clips]
    facts = measure(turned, source.layout, 3, attributes)
    assert (facts.up, facts.across) == (up, across)
    rotation = advised(facts, "RandomRotation")["max_degrees"]
    assert int(np.argmax(rotation)) == "xyz".index(up[1])


def test_right_handed_people_and_both(monkeypatch):
    both = facts_of(actions=ONE_ARM)
    act = SyntheticWorld._act
    monkeypatch.setattr(
        SyntheticWorld, "_act", lambda self, rng, who, how, phase, lead, sit: act(self, rng, who, how, phase, 1, sit)
    )
    right = facts_of(actions=ONE_ARM)
    assert right.lopsided > 0.4
    assert right.mirrored < 0.1
    assert both.mirrored > 0.4
    assert advised(right, "Mirror") is None
    assert advised(both, "Mirror")["prob"] == 0.5


def test_directions_that_occur_and_others():
    pairs = facts_of(actions=["sit_down", "stand_up", "raise_arms", "lower_arms"])
    single = facts_of(actions=["sit_down", "raise_arms", "throw"])
    assert pairs.directed > 0.9
    assert pairs.reversed > 0.9
    assert single.reversed < 0.1
    assert advised(pairs, "TemporalFlip") is advised(single, "TemporalFlip") is None
    assert any("order is kept" in reason for _, reason in recommend(pairs))


def test_sizes_way_jitter_and_missing_joints():
    clips, source, attributes = world(80, noise=0.0, yaw=(-5.0, 5.0))
    rng = np.random.default_rng(0)
    noisy = [(clip + rng.normal(0, 0.01, clip.shape)).astype(np.float32) for clip in clips]
    plain, jittered = (measure(some, source.layout, 3, attributes) for some in (clips, noisy))
    assert plain.noise < 0.002
    assert jittered.noise == pytest.approx(0.01, rel=0.15)
    factor = dict(zip(np.unique(attributes["subject"]), np.linspace(0.7, 1.3, len(np.unique(attributes["subject"])))))
    scaled = [clip * factor[who] for clip, who in zip(clips, attributes["subject"])]
    spread = np.std(list(factor.values()))
    assert measure(scaled, source.layout, 3, attributes).size_spread == pytest.approx(spread, rel=0.4)
    walking = [clip + np.linspace(0, 3, clip.shape[1])[:, None, None] * np.array([1, 0, 0]) for clip in clips]
    assert measure(walking, source.layout, 3, attributes).translation > plain.translation + 3
    holes = [np.where(rng.random(clip.shape[:-1])[..., None] < 0.1, 0, clip) for clip in clips]
    lossy = measure(holes, source.layout, 3, attributes)
    assert lossy.missing == pytest.approx(0.1, abs=0.01)
    assert advised(lossy, "JointMask")["ratio"] == pytest.approx(0.2, abs=0.02)


def test_tempo_is_the_ratio_of_lengths():
    clips, source, attributes = world(60)
    stretched = [np.repeat(clip, 1 + 2 * (i % 2), axis=1) for i, clip in enumerate(clips)]
    assert measure(stretched, source.layout, 3, attributes).tempo > 2.5
    assert advised(facts_of(num_frames=(50, 50)), "RandomCropResize")["scale"] == (0.5, 1.0)


def test_pictures_and_pairs():
    facts = facts_of(layout="coco17", num_coords=2, actions=["wave", "push", "throw"])
    assert facts.coords == 2
    assert facts.up == "-y"
    assert facts.heading_range is None
    assert facts.two_persons == pytest.approx(1 / 3, abs=0.02)
    assert advised(facts, "RandomRotation")["max_degrees"][:2] == (0.0, 0.0)


def test_without_shoulders_and_hips_only_counts():
    clips = [np.random.default_rng(i).normal(size=(1, 20, 42, 3)) for i in range(12)]
    facts = measure(clips, SkeletonLayout.get("hands42"), 3, {})
    assert facts == Facts(12, 3, (20, 20, 20), 0.0, 0.0)
    assert [config["type"] for config, _ in recommend(facts)] == ["RandomCropResize", "Shear", "JointMask"]


def test_without_performers_all_other_clips_count():
    clips, source, _ = world(60)
    assert not measure(clips, source.layout, 3, {}).by_subject


@pytest.mark.parametrize("layout", ["ntu25", "coco17"])
def test_recommended_views_can_be_used(layout):
    clips, source, attributes = world(60, layout=layout)
    facts = measure(clips, source.layout, source.num_coords, attributes)
    views = AugmentationSequence([config for config, _ in recommend(facts) if config is not None])
    views.bind(source.layout, source.num_coords)
    clip = torch.from_numpy(np.array(clips[0]))[None]
    assert views(clip, torch.Generator().manual_seed(0)).shape == clip.shape
