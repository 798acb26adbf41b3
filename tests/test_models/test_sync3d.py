"""Sync3D: its loss in every form in print, pairs and scenes, what is learnt and what is predicted."""

from __future__ import annotations

import math

import pytest
import torch

from mmsync.errors import ConfigError, DataError
from mmsync.models.losses import ContrastiveLoss
from mmsync.models.methods import Sync3D
from mmsync.models.necks import MLPProjector
from mmsync.structures import MotionSample, View
from mmsync.views import SkeletonPreprocessor

BACKBONE = dict(type="STGCN", channels=[6, 8], strides=[1, 2], dropout=0.0, temporal_kernel=3)
ENCODER = dict(type="Encoder", backbone=BACKBONE, projector=dict(type="MLPProjector", out_channels=5, norm=True))


def build(**more) -> Sync3D:
    torch.manual_seed(0)
    model = Sync3D(ENCODER, **more)
    model.init_weights()
    return model


def tracks(n=4, k=2, mask=None) -> View:
    return View(torch.randn(n, k, 12, 25, 3, generator=torch.Generator().manual_seed(1)), mask)


def samples(**columns) -> list[MotionSample]:
    return [MotionSample.quick(0, dict(zip(columns, row))) for row in zip(*columns.values())]


@pytest.mark.parametrize(
    ("settings", "form"),
    [
        (dict(), lambda d, y, m: 0.5 * (d * d if y else max(m - d, 0) ** 2)),  # Sync3D
        (dict(margin=20.0), lambda d, y, m: 0.5 * (d * d if y else max(m - d, 0) ** 2)),  # SyncNet
        (dict(margin=0.99, reduction_factor=1.0), lambda d, y, m: d * d if y else max(m - d, 0) ** 2),  # AVTS, paper
        (
            dict(margin=0.99, reduction_factor=1.0, squared_pos=False),  # AVTS, slide
            lambda d, y, m: d if y else max(m - d, 0) ** 2,
        ),
        (
            dict(margin=1.5, reduction_factor=1.0, exponential=True),  # Chopra
            lambda d, y, m: 2 / m * d * d if y else 2 * m * math.exp(-2.77 * d / m),
        ),
    ],
    ids=["sync3d", "syncnet", "avts", "avts_slide", "chopra"],
)
@pytest.mark.parametrize("normalize", [False, True])
def test_each_form_against_its_printed_sum(settings, form, normalize):
    if normalize and settings.get("margin", 1) > 2:
        settings = {**settings, "margin": 1.2}
    loss = ContrastiveLoss(**settings, normalize=normalize)
    z = torch.randn(2, 7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = [1, 0, 0, 1, 0, 0, 1]
    points = [[[v / (math.hypot(*row) if normalize else 1) for v in row] for row in part] for part in z.tolist()]
    wanted = sum(form(math.dist(a, b), label, loss.margin) for a, b, label in zip(*points, y)) / len(y)
    found = loss(loss.distance(*z), torch.tensor(y))
    assert float(found) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("settings", [dict(), dict(squared_pos=False), dict(exponential=True)])
def test_equal_embeddings_have_a_finite_gradient(settings):
    z = torch.ones(2, 4, 3, requires_grad=True)
    loss = ContrastiveLoss(**settings)
    loss(loss.distance(*z), torch.tensor([1, 1, 0, 0])).backward()
    assert torch.isfinite(z.grad).all()


def test_no_pairs_cost_nothing():
    z = torch.zeros(2, 0, 3, requires_grad=True)
    loss = ContrastiveLoss()
    found = loss(loss.distance(*z), torch.zeros(0))
    found.backward()
    assert found == 0


def test_loss_settings_are_checked():
    with pytest.raises(ConfigError, match="2 apart"):
        ContrastiveLoss(margin=20, normalize=True)
    with pytest.raises(ConfigError, match="margin"):
        ContrastiveLoss(margin=0)
    with pytest.raises(ConfigError, match="fusion"):
        build(fusion="sum")


def test_dropout_of_the_projector():
    layers = [type(layer).__name__ for layer in MLPProjector(8, norm=True, dropout=0.1).layers]
    assert layers == ["Linear", "BatchNorm", "ReLU", "Dropout", "Linear"]


class TestPairs:
    def test_loss_and_log_are_those_of_single_tracks(self):
        """The same numbers as from one track at a time, in eval mode where tracks do not meet in BN."""
        model, view, y = build(loss=dict(type="ContrastiveLoss", margin=2.0, eps=1e-14)).eval(), tracks(), [1, 0, 0, 1]
        found = model.loss({"tracks": view}, samples(positive=y))
        z = [[model.encoder(View(view.data[n, k][None, None]))[0].tolist() for k in range(2)] for n in range(4)]
        d = [math.dist(a, b) for a, b in z]
        terms = [a * a if label else max(2 - a, 0) ** 2 for a, label in zip(d, y)]
        assert found["loss_pair"].item() == pytest.approx(sum(terms) / 8, rel=1e-4)
        assert float(found["pos_distance"]) == pytest.approx((d[0] + d[3]) / 2, rel=1e-4)
        assert float(found["pair_acc"]) == sum((a < 1) == bool(label) for a, label in zip(d, y)) / 4

    def test_shared_branches_are_one_pass_and_separate_ones_two_encoders(self):
        shared, separate = build(), build(share_weights=False)
        count = [sum(p.numel() for p in model.parameters()) for model in (shared, separate)]
        assert count[1] == 2 * count[0]
        separate.eval()
        found = separate(tracks())
        data = tracks().data
        torch.testing.assert_close(found[:, :8], separate.encoder.extract(View(data[:, :1])))
        torch.testing.assert_close(found[:, 8:], separate.second_encoder.extract(View(data[:, 1:])))
        with pytest.raises(DataError, match="3 tracks"):
            separate(tracks(k=3))

    def test_a_log_has_no_distance_of_pairs_that_are_not_there(self):
        assert "pos_distance" not in build().loss({"tracks": tracks()}, samples(positive=[0, 0, 0, 0]))

    def test_predict_gives_the_distance_of_the_embeddings(self):
        model, view = build(loss=dict(type="ContrastiveLoss", eps=1e-14)).eval(), tracks()
        found = model(view, samples(positive=[1, 0, 0, 1], name=list("abcd")), mode="predict")
        z = [[model.encoder(View(view.data[n, k][None, None]))[0].tolist() for k in range(2)] for n in range(4)]
        assert found["distance"].tolist() == pytest.approx([math.dist(*pair) for pair in z], rel=1e-4)
        assert list(zip(found["name"], found["positive"].tolist())) == [("a", 1), ("b", 0), ("c", 0), ("d", 1)]
        assert found["feature"].shape == (4, 16)

    @pytest.mark.parametrize("fusion", ["concat", "absdiff", "product", "symmetric"])
    def test_fusion(self, fusion):
        model, view = build(fusion=fusion).eval(), tracks()
        a, b = (model.encoder.extract(View(view.data[:, k : k + 1])) for k in range(2))
        wanted = dict(concat=torch.cat([a, b], 1), absdiff=(a - b).abs(), product=a * b, symmetric=(a + b) / 2)
        torch.testing.assert_close(model(view), wanted[fusion])
        if fusion != "concat":  # no order
            torch.testing.assert_close(model(View(view.data.flip(1))), wanted[fusion])

    def test_it_learns_to_tell_pairs_in_step(self):
        """Tracks of a positive pair move alike, each with noise of its own; those of the others do not."""
        model = build(loss=dict(type="ContrastiveLoss", margin=1.5, normalize=True))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        generator = torch.Generator().manual_seed(0)

        def batch(n):
            motion = torch.randn(n, 2, 12, 25, 3, generator=generator)
            y = torch.arange(n) % 2
            motion[y == 1, 1] = motion[y == 1, 0]
            return View(motion + 0.1 * torch.randn(motion.shape, generator=generator)), y

        for _ in range(40):
            view, y = batch(16)
            optimizer.zero_grad()
            model.loss({"tracks": view}, samples(positive=y.tolist()))["loss_pair"].backward()
            optimizer.step()
        view, y = batch(40)
        d = model.eval()(view, mode="predict")["distance"]
        assert (d[y == 1][:, None] < d[y == 0]).float().mean() > 0.9


class TestScenes:
    def test_all_pairs_of_a_scene_against_a_loop(self):
        mask = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 1, 1], [1, 1, 0]]).bool()
        near = torch.rand(4, 3, 3, generator=torch.Generator().manual_seed(3)) < 0.5
        near = near | near.transpose(1, 2)
        model, view = build(loss=dict(type="ContrastiveLoss", margin=3.0)).eval(), tracks(4, 3, mask)
        found = model.loss({"tracks": view}, samples(aligned=near.tolist()))["loss_pair"]
        z = [[model.encoder(View(view.data[n, k][None, None]))[0].tolist() for k in range(3)] for n in range(4)]
        terms = []
        for n in range(4):
            inside = [(i, j) for i in range(3) for j in range(i + 1, 3) if mask[n, i] and mask[n, j]]
            for i, j in inside:
                d = math.dist(z[n][i], z[n][j])
                terms.append(d * d if near[n, i, j] else max(3 - d, 0) ** 2)
            m = (n + 1) % 4
            for i in range(3):
                for j in range(3):
                    if mask[n, i] and mask[m, j]:
                        terms.append(max(3 - math.dist(z[n][i], z[m][j]), 0) ** 2)
        assert found.item() == pytest.approx(sum(terms) / len(terms) / 2, rel=1e-4)

    def test_negatives_are_of_another_moment(self):
        """Against a loop: the next scene of another video, else of another time; without one there are no negatives."""
        moments = [
            [[1, 0, 5], [1, 0, 5]], [[1, 3, 8], [1, 3, 8]], [[2, 0, 5], [1, 20, 25]], [[1, 4, 9], [0, 0, 0]],
            [[3, 0, 5], [3, 0, 5]], [[3, 5, 10], [0, 0, 0]],
        ]  # fmt: skip
        mask = torch.tensor([[1, 1], [1, 1], [1, 1], [1, 0], [1, 1], [1, 0]]).bool()
        model = build(loss=dict(type="ContrastiveLoss", margin=3.0)).eval()
        for scenes in ([0, 1, 2, 3, 4, 5], [4, 5], [0, 1], [0, 1, 3, 2], [0], [1, 0, 4]):
            view = tracks(len(scenes), 2, mask[scenes])
            view.data.mul_(50)  # embeddings that lie apart
            found = model.loss({"tracks": view}, samples(moments=[moments[i] for i in scenes]))["loss_pair"]
            n = len(scenes)
            z = [[model.encoder(View(view.data[i, k][None, None]))[0].tolist() for k in range(2)] for i in range(n)]
            terms = [math.dist(z[i][0], z[i][1]) ** 2 for i, scene in enumerate(scenes) if mask[scene].all()]
            for i, scene in enumerate(scenes):
                here = [moments[scene][k] for k in range(2) if mask[scene, k]]
                other_time = other_video = None
                for step in range(1, n):
                    j = (i + step) % n
                    there = [moments[scenes[j]][k] for k in range(2) if mask[scenes[j], k]]
                    same = [(a, b) for a in here for b in there if a[0] == b[0]]
                    if not same and other_video is None:
                        other_video = j
                    if not any(set(range(*a[1:])) & set(range(*b[1:])) for a, b in same) and other_time is None:
                        other_time = j
                j = other_time if other_video is None else other_video
                for a in range(2):
                    for b in range(2):
                        if j is not None and mask[scene, a] and mask[scenes[j], b]:
                            terms.append(max(3 - math.dist(z[i][a], z[j][b]), 0) ** 2)
            assert found.item() == pytest.approx(sum(terms) / len(terms) / 2, rel=1e-4, abs=1e-6), scenes

    def test_absent_people_change_nothing(self):
        mask = torch.tensor([[1, 1, 0], [1, 1, 0]]).bool()
        model, view = build(), tracks(2, 3, mask)
        other = View(view.data.clone(), mask)
        other.data[~mask] = 100.0
        for mode in (model.train(), model.eval()):
            one, two = (mode.loss({"tracks": v})["loss_pair"] for v in (view, other))
            torch.testing.assert_close(one, two)
        assert model(view).shape == (2, 24)
        assert model(view)[:, 16:].abs().max() == 0


def test_skeleton_tracks_through_the_preprocessor():
    mask = torch.ones(4, 2, dtype=torch.bool)
    data = dict(inputs=dict(skeleton=View(tracks().data + 5, mask)), data_samples=None)
    views = SkeletonPreprocessor("ntu25", views=dict(tracks=[]), recenter="person")(data, True)["inputs"]
    center = SkeletonPreprocessor("ntu25").layout.center
    assert views["tracks"].data[:, :, 0, center].abs().max() == 0
    moved = data["inputs"]["skeleton"].data - views["tracks"].data
    torch.testing.assert_close(moved, moved[:, :, :1, :1].expand_as(moved))
    with pytest.raises(ConfigError, match="person"):
        SkeletonPreprocessor("ntu25", recenter="track")
