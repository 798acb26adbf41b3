"""Methods on frames of sequences: their pieces, what padding and labels change (nothing), and that they learn."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from mmsync.errors import ConfigError, DataError
from mmsync.interop.convert import from_reference
from mmsync.models.losses.index_matching import index_matching
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.ops.frames import map_valid
from mmsync.ops.soft_matching import matched_cosine
from mmsync.registry import MODELS
from mmsync.structures import View

from .reference import tensors
from .toy_alignment import LENGTHS, METHODS, WIDTH, batch, build, samples, total, view, without_draws

ACTIVITIES = [0, 0, 1, 1, 0, 1, 0, 1]
BY_ACTIVITY = ("TCC", "TCC_random", "LAV", "VAVA", "GTCC")


@pytest.fixture(autouse=True)
def _no_draws(monkeypatch):
    without_draws(monkeypatch)


def losses(model: nn.Module, views: dict[str, View], about: list | None = None) -> dict[str, torch.Tensor]:
    return copy.deepcopy(model)(views, samples(ACTIVITIES) if about is None else about, mode="loss")


def frozen(model: nn.Module) -> nn.Module:
    """In evaluation, with batch statistics that are not trivial."""
    for part in model.modules():
        if isinstance(part, (BatchNorm, nn.BatchNorm1d)):
            part.running_mean.normal_(generator=torch.Generator().manual_seed(1))
            part.running_var.fill_(2)
    return model.eval()


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("training", [True, False])
def test_padding_changes_nothing(name, training):
    """In training, batch statistics are those of valid frames."""
    model = build(name)
    model = model if training else frozen(model)
    short, long = (losses(model, batch(model, more=more)) for more in (0, 50))
    assert short.keys() == long.keys()
    for key, value in short.items():
        torch.testing.assert_close(long[key], value, rtol=1e-6, atol=1e-8, msg=lambda m, k=key: f"{k}: {m}")


@pytest.mark.parametrize("name", METHODS)
def test_losses_know_activities_at_most_and_phases_never(name):
    model = build(name)
    views = batch(model)
    plain = losses(model, views)
    changed = samples(ACTIVITIES)
    for i, sample in enumerate(changed):
        sample.phase = torch.full((14,), i % 3)
    others = losses(model, views, changed)
    renamed = losses(model, views, samples([7 - a for a in ACTIVITIES]))
    for key, value in plain.items():
        assert torch.equal(others[key], value)
        torch.testing.assert_close(renamed[key], value)  # the same pairs
    regrouped = losses(model, views, samples([0, 1] * 4))
    if name in BY_ACTIVITY:
        assert any(not torch.equal(regrouped[key], value) for key, value in plain.items() if "loss" in key)
    else:
        assert all(torch.equal(regrouped[key], value) for key, value in plain.items())


@pytest.mark.parametrize("name", METHODS)
def test_features_are_those_of_valid_frames(name):
    model = frozen(build(name)).eval()
    short, long = (model({"clip": view(0, more)}, mode="tensor") for more in (0, 50))
    assert [tuple(x.shape) for x in short] == [(n, WIDTH) for n in LENGTHS]
    for one, other in zip(short, long):
        torch.testing.assert_close(one, other)
    table = model({"clip": view(0)}, samples(ACTIVITIES), mode="predict")
    assert all(torch.equal(a, b) for a, b in zip(table["feature"], short))


@pytest.mark.parametrize("name", BY_ACTIVITY)
def test_a_batch_without_two_sequences_of_an_activity_says_what_to_set(name):
    model = build(name)
    with pytest.raises(DataError, match="GroupBatchSampler"):
        losses(model, batch(model), samples(list(range(8))))


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("TCC", dict(pairs="some"), "'all' or 'random'"),
        ("TCC", dict(cycle_length=1), "2 or more videos"),
        ("TCN", dict(positives="next"), "'window' or 'views'"),
        ("LAV", dict(weight=-1.0), "0 or more"),
        ("FrameBYOL", dict(momentum=2.0), r"\[0, 1\]"),
    ],
)
def test_wrong_arguments(name, options, text):
    with pytest.raises(ConfigError, match=text):
        build(name, **options)


# --- MASA


def masa_by_hand(model: nn.Module, views: dict[str, View]) -> dict[str, torch.Tensor]:
    """Equations 1 to 9 from pieces that have tests of their own."""
    first, second = (views[name] for name in ("first", "second"))
    frames = [model.encoder.backbone.forward_frames(one.data, None) for one in (first, second)]
    context = model.context(frames[0], first.valid, frames[1], second.valid)
    rows = torch.cat([x[one.valid] for x, one in zip(context, (first, second))])  # statistics of both views
    found = model.projector(rows).split([int(first.valid.sum()), int(second.valid.sum())])
    z = [x.new_zeros(*one.valid.shape, 8) for x, one in zip(found, (first, second))]
    for full, row, one in zip(z, found, (first, second)):
        full[one.valid] = row
    h = [model.predictor(x, one.valid) for x, one in zip(z, (first, second))]
    masks, index = (first.valid, second.valid), (first.index, second.index)
    sums, counts = index_matching(*z, *index, *masks)
    matching = (sums / counts).mean()
    one, matches = matched_cosine(z[0].detach(), h[1], *index, *masks)
    two, _ = matched_cosine(z[1].detach(), h[0], *index[::-1], *masks[::-1])
    similarity = ((one + two) / 2 / matches)[matches > 0].mean()
    return dict(matching=matching, similarity=similarity, loss_masa=2 * matching / (1 + 1e-7 + similarity))


def test_masa_is_made_of_its_pieces():
    model = build("MASA")
    views = batch(model)
    found, expected = losses(model, views), masa_by_hand(copy.deepcopy(model), views)
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, msg=lambda m, k=key: f"{k}: {m}")


@pytest.mark.parametrize("name", ["MASA", "MASA_mean_of_ratios", "CARL", "FrameSimSiam"])
def test_views_may_be_swapped_at_the_loss(name):
    model = build(name)
    if hasattr(model, "context"):
        model.context.forward = lambda x1, v1, x2, v2: (x1, x2)  # whose cross-attention has an order
    views = batch(model)
    swapped = {"first": views["second"], "second": views["first"]}
    for key, value in losses(model, swapped).items():
        if key != "embedding_std":
            torch.testing.assert_close(value, losses(model, views)[key])


def test_the_agreement_of_masa_trains_its_predictor_alone():
    model = build("MASA")
    model.criterion.combine, model.criterion.weight = "sum", 1.0
    model.criterion._matching = lambda first, *_: (first.new_zeros(len(first)), first.new_ones(len(first)))
    total(model(batch(model), samples(ACTIVITIES), mode="loss")).backward()
    # Z enters Lc by H(Z), too: the fixed side is without gradient, the other one has it
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.predictor.parameters())
    z = [torch.randn(2, 5, 8, requires_grad=True) for _ in range(2)]
    h = [torch.randn(2, 5, 8, requires_grad=True) for _ in range(2)]
    index = torch.arange(5.0).expand(2, -1)
    build("MASA").criterion.terms(*z, *h, index, index)["similarity"].backward()
    assert all(x.grad is None for x in z)
    assert all(x.grad.abs().sum() > 0 for x in h)


def test_without_a_predictor_masa_is_matching_alone():
    model = build("MASA", predictor=False)
    found = losses(model, batch(model))
    torch.testing.assert_close(found["loss_masa"], found["matching"])
    assert model.predictor is None


@pytest.mark.parametrize("name", ["MASA", "MASA_mean_of_ratios", "CASA", "FrameSimSiam", "FrameBYOL"])
def test_views_without_a_common_frame_are_finite(name):
    model = build(name)
    views = batch(model)
    views["second"] = views["second"]._replace(index=views["second"].index + 0.5)
    loss = total(model(views, samples(ACTIVITIES), mode="loss"))
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


# --- CASA


def test_casa_equals_the_reference(fixture_root):
    """The converted weights of the reference have their places in CASA, and give its loss."""
    archive = np.load(fixture_root / "alignment" / "casa_penn_sim0.npz")
    result = from_reference({"state_dict": tensors(archive, "w.")}, "casa")
    config = {key: value for key, value in result.model.items() if key not in ("type", "data_preprocessor")}
    model = MODELS.build(dict(config, type="CASA", loss=dict(type="CASAMatchingLoss", mask=False)))
    model.context.mask = False
    model.load_state_dict(result.checkpoint["state_dict"])
    at = torch.arange(30.0).expand(2, -1)
    shown = (at, torch.from_numpy(archive["kept"]).float())
    lengths = (torch.from_numpy(archive[f"len{i}"]) for i in (0, 1))
    views = {
        name: View(torch.from_numpy(archive[f"kp{i}"]).float(), None, at < n[:, None], index)
        for i, (name, n, index) in enumerate(zip(("first", "second"), lengths, shown))
    }
    found = model(views, mode="loss")["loss_casa"]
    assert found.item() == pytest.approx(float(archive["loss_regression"]), rel=1e-4)


# --- others


def test_the_target_of_frame_byol_follows_and_has_no_gradient():
    model = build("FrameBYOL", momentum=0.5)
    for p in model.encoder.parameters():
        p.data += 1
    before = [p.clone() for p in model.target.parameters()]
    total(model(batch(model), samples(ACTIVITIES), mode="loss")).backward()
    for old, new, online in zip(before, model.target.parameters(), model.encoder.parameters()):
        torch.testing.assert_close(new, (old + online) / 2)
        assert new.grad is None


def test_frame_simsiam_predicts_the_fixed_frames_of_the_other_view():
    model = build("FrameSimSiam")
    views = batch(model)
    first, second = (model.encoder(views[name]) for name in ("first", "second"))
    terms = []
    for name, other, a, b in (("first", "second", first, second), ("second", "first", second, first)):
        p, cosines = map_valid(model.predictor, a, views[name].valid), []
        for n in range(len(a)):
            for i in range(int(views[name].valid[n].sum())):
                for j in range(int(views[other].valid[n].sum())):
                    if views[name].index[n, i] == views[other].index[n, j]:
                        cosines.append(torch.cosine_similarity(p[n, i], b[n, j], dim=0))
        terms.append(torch.stack(cosines).mean())
    torch.testing.assert_close(losses(build("FrameSimSiam"), views)["loss_simsiam"], -(terms[0] + terms[1]) / 2)


def test_vava_counts_its_steps():
    model = build("VAVA")
    for step in range(3):
        assert int(model.step) == step
        model(batch(model), samples(ACTIVITIES), mode="loss")


def test_a_frame_of_tcn_without_a_partner_is_left_out():
    model = build("TCN")
    odd = view(0, lengths=[7] * 8)
    even = View(*(part if part is None else part[:, :6] for part in odd))
    frozen(model)
    torch.testing.assert_close(losses(model, {"clip": odd})["loss_tcn"], losses(model, {"clip": even})["loss_tcn"])


@pytest.mark.parametrize("name", METHODS)
def test_losses_fall_on_postures_that_move_along_a_line(name):
    model = build(name)
    optimizer = torch.optim.Adam((p for p in model.parameters() if p.requires_grad), lr=5e-3)
    values = []
    for _ in range(30):
        loss = total(model(batch(model, smooth=True), samples(ACTIVITIES), mode="loss"))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert np.isfinite(values).all()
    assert np.mean(values[-3:]) < np.mean(values[:3]) - 1e-3


def test_an_encoder_that_pools_is_told_before_training():
    pooled = dict(encoder=dict(type="Encoder", backbone={}, pool=dict(type="MeanPool")))
    for config in (pooled, dict(encoder=dict(type="Encoder", backbone={}))):
        (problem,) = MODELS.get("MASA").check_config(config, "model")
        assert problem.startswith("model.encoder.pool: MeanPool pools the frames, which MASA compares")
    kept = dict(encoder=dict(type="Encoder", backbone={}, pool=dict(type="FramePool")))
    assert MODELS.get("MASA").check_config(kept, "model") == []
