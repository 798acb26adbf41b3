"""Whitening in part of features: closed forms, where it is fitted, and that training does not see it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from mmsync.engine.runner import MotionRunner
from mmsync.errors import ConfigError, MMSyncError
from mmsync.models.necks import Whitening
from mmsync.ops.scaling import Scaling


def features(count, width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, width, generator=generator) @ torch.randn(width, width, generator=generator) + 1


def unit(x):
    """A root mean square of 1."""
    return F.normalize(x, dim=1) * x.shape[1] ** 0.5


@pytest.mark.parametrize(("count", "width"), [(200, 12), (9, 12)])
def test_it_divides_principal_axes_by_a_power_of_their_variance(count, width):
    x = F.normalize(features(count, width), dim=1)
    found = Whitening(power=0.3, num_axes=4, in_channels=width)
    found.fit(7 * x)  # of any length
    pca = PCA().fit(x.double().numpy())
    known = min(count - 1, width)
    axes, variance = pca.components_[:known], pca.explained_variance_[:known] * (count - 1) / count
    mean = variance.mean()
    variance[4:] = 0
    power = (variance + mean) ** -0.3
    centered = x.double().numpy() - pca.mean_
    rest = centered - centered @ axes.T @ axes  # of which there is none in the fit, but in other clips
    wanted = (centered @ axes.T * power) @ axes + rest * mean**-0.3
    wanted *= width**0.5 / np.linalg.norm(wanted, axis=1, keepdims=True)
    np.testing.assert_allclose(found(x).numpy(), wanted, atol=1e-5)
    again = Whitening(power=0.3, num_axes=4, in_channels=width)
    again.load_state_dict(found.state_dict())
    torch.testing.assert_close(again(x), found(x), rtol=0, atol=0)


def test_half_a_power_is_whitening_and_none_leaves_angles_about_the_mean():
    x = F.normalize(features(50, 6), dim=1)
    full = Whitening(power=0.5, num_axes=6, in_channels=6)
    full.fit(x)
    torch.testing.assert_close(full(x), unit(Scaling.of(x, "whiten")(x)))
    none = Whitening(power=0.0, num_axes=6, in_channels=6)
    torch.testing.assert_close(none(x), unit(x))  # before it is fitted
    none.fit(x)
    torch.testing.assert_close(none(x), unit(x - x.mean(0)))
    none.fit(x[:1])  # no axis at all
    assert none(x).isfinite().all()
    with pytest.raises(MMSyncError, match="features are not finite; lower the learning rate"):
        none.fit(x * torch.nan)


def test_beside_others_they_weigh_as_much_as_neighbors_agree():
    x, given = features(60, 6), features(60, 4)
    given[:, :3] += 5 * x[:, :3]
    found = Whitening(num_axes=6, in_channels=6)
    found.fit(x, given)
    alone = found(x)
    search = [NearestNeighbors(n_neighbors=2, metric="cosine").fit(part) for part in (alone, given)]
    index = [one.kneighbors(part)[1][:, 1] for one, part in zip(search, (alone, given))]
    share = ((index[0] == index[1]).mean() - 1 / 59) / (1 - 1 / 59)  # above chance
    assert 0.1 < share < 0.9
    torch.testing.assert_close(
        found(x, given), torch.cat([F.normalize(given, dim=1) * 6**0.5, share.item() * alone], 1)
    )


def test_autocast_loses_no_digits():
    x = features(40, 12)
    found = Whitening(num_axes=4, in_channels=12)
    found.fit(x, x)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = found(x, x)
    assert mixed.dtype == torch.float32
    assert found.weight > 0.5
    torch.testing.assert_close(mixed, found(x, x), rtol=0, atol=0)


@pytest.mark.parametrize("wrong", [dict(power=-0.1), dict(power=1.5), dict(num_axes=0), dict(in_channels=0)])
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(ConfigError, match=r"Whitening: .*give a width, a power in"):
        Whitening(**{"in_channels": 4, **wrong})


def config(tmp_path, by_epoch, hooks, whitening, method="SimCLR", frozen=None):
    backbone = dict(type="STGCN", layout="kinect20", channels=[4, 8], strides=[1, 1], dropout=0.0)
    projector = dict(type="MLPProjector", hidden_channels=8, out_channels=8)
    views = {name: [dict(type="GaussianNoise", std=0.02)] for name in ("first", "second")}
    preprocessor = dict(type="SkeletonPreprocessor", layout="kinect20", views=views)
    encoder = dict(type="Encoder", backbone=backbone, projector=projector, whitening=whitening, frozen=frozen)
    source = dict(type="SyntheticSource", num_clips=(32, 16))
    data = dict(type="SkeletonDataset", source=source, split="train", layout="kinect20", pipeline=[
        dict(type="ResizeClip", length=16), dict(type="PackSkeleton", num_persons=1)])  # fmt: skip
    loader = dict(batch_size=8, dataset=data, num_workers=0, drop_last=True)
    train = dict(by_epoch=True, max_epochs=2) if by_epoch else dict(by_epoch=False, max_iters=8, val_interval=4)
    checkpoint = dict(type="CheckpointHook", by_epoch=by_epoch, interval=1 if by_epoch else 4)
    return Config(dict(
        model=dict(type=method, encoder=encoder, data_preprocessor=preprocessor), train_dataloader=loader,
        train_cfg=train, optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.01)), custom_hooks=hooks,
        default_scope="mmsync", work_dir=str(tmp_path), randomness=dict(seed=0),
        default_hooks=dict(checkpoint=checkpoint)))  # fmt: skip


@pytest.mark.parametrize("by_epoch", [True, False])
def test_the_checkpoint_has_the_fit_and_the_training_is_the_same(tmp_path, by_epoch):
    hook = [dict(type="FitWhiteningHook", clips=20)]
    runs = {"with": (hook, dict(type="Whitening", num_axes=3)), "without": ([], None)}
    runners = {name: MotionRunner.from_cfg(config(tmp_path / name, by_epoch, *parts)) for name, parts in runs.items()}
    for runner in runners.values():
        runner.train()
    models = {name: runner.model for name, runner in runners.items()}
    plain = models["without"].state_dict()
    assert all(torch.equal(value, plain[key]) for key, value in models["with"].state_dict().items() if key in plain)
    last = tmp_path / "with" / ("epoch_2.pth" if by_epoch else "iter_8.pth")
    saved = torch.load(last, weights_only=False)["state_dict"]
    own = models["with"].encoder.whitening
    assert torch.equal(saved["encoder.whitening.axes"], own.axes)
    assert own.axes.any()
    dataset = runners["with"].train_dataloader.dataset
    places = np.unique(np.linspace(0, 31, 20).round().astype(int))
    clips = dataset.collate([dataset[int(place)] for place in places])
    table = models["without"].eval().test_step(clips)
    wanted = Whitening(num_axes=3, in_channels=table["feature"].shape[1])
    wanted.fit(table["feature"])
    torch.testing.assert_close(own(table["feature"]), wanted(table["feature"]))


def test_a_momentum_method_beside_a_frozen_encoder(tmp_path):
    """Also in a checkpoint that no validation follows; the copy that makes targets predicts nothing."""
    backbone = dict(type="STGCN", layout="kinect20", channels=[6], strides=[1], dropout=0.0)
    hook = [dict(type="FitWhiteningHook")]
    frozen = dict(type="Encoder", backbone=backbone)
    runner = MotionRunner.from_cfg(config(tmp_path, False, hook, dict(type="Whitening"), "BYOL", frozen))
    runner.train()
    encoder, dataset = runner.model.eval().encoder, runner.train_dataloader.dataset
    clips = dataset.collate([dataset[i] for i in range(32)])
    early = torch.load(tmp_path / "iter_4.pth", weights_only=False)["state_dict"]
    for state in (early, runner.model.state_dict()):
        runner.model.load_state_dict(state)
        table, weight = runner.model.test_step(clips)["feature"], encoder.whitening.weight
        given, white = table.detach().split([6, 8], 1)
        torch.testing.assert_close(white.norm(dim=1), (8**0.5 * weight).expand(32))
        views = runner.model.data_preprocessor(clips)["inputs"]
        torch.testing.assert_close(
            F.normalize(given, dim=1), F.normalize(encoder.frozen.extract(views["clip"]).detach(), dim=1)
        )
        search = [NearestNeighbors(n_neighbors=2, metric="cosine").fit(part) for part in (given, white)]
        one, two = (found.kneighbors(part)[1][:, 1] for found, part in zip(search, (given, white)))
        assert weight.item() == pytest.approx(max(((one == two).mean() - 1 / 31) / (1 - 1 / 31), 0), abs=0.04)


def test_a_hook_without_a_module_is_refused(tmp_path):
    hook = [dict(type="FitWhiteningHook")]
    runner = MotionRunner.from_cfg(config(tmp_path, False, hook, None))
    with pytest.raises(ConfigError, match="the model has no Whitening; set whitening of its encoder, or drop the hook"):
        runner.train()


@pytest.mark.parametrize("option", [{}, {"resume": True}, {"load_from": "plain.pth"}])
def test_a_module_without_the_hook_is_refused(tmp_path, monkeypatch, option):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": MotionRunner.from_cfg(config(tmp_path, False, [], None)).model.state_dict()}, "plain.pth")
    runner = MotionRunner.from_cfg(Config({**config(tmp_path, False, [], dict(type="Whitening")), **option}))
    with pytest.raises(ConfigError, match=r"a Whitening is never fitted; add dict\(type='FitWhiteningHook'\)"):
        runner.train()


def test_a_module_that_is_fitted_needs_no_hook(tmp_path):
    first = MotionRunner.from_cfg(config(tmp_path, False, [dict(type="FitWhiteningHook")], dict(type="Whitening")))
    first.train()
    again = config(tmp_path / "again", False, [], dict(type="Whitening"))
    again.model.encoder.init_cfg = dict(type="Pretrained", checkpoint=str(tmp_path / "iter_8.pth"), prefix="encoder.")
    runner = MotionRunner.from_cfg(again)
    runner.train()
    assert torch.equal(runner.model.encoder.whitening.axes, first.model.encoder.whitening.axes)
