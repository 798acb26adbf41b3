"""SimCLR, BYOL, SimSiam, Barlow Twins and VICReg: the published equations on their embeddings, and what they learn."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from mmengine.config import Config
from torch import nn
from toy_motion import ToyDenoiser, toy_config

from mmsync.engine.checkpoint import load_weights
from mmsync.engine.runner import MotionRunner
from mmsync.errors import ConfigError
from mmsync.models.modules import cosine_momentum
from mmsync.registry import MODELS, NECKS
from mmsync.structures import View

METHODS = ["SimCLR", "BYOL", "SimSiam", "BarlowTwins", "VICReg"]
BACKBONE = dict(type="STGCN", channels=[6, 8], strides=[1, 2], dropout=0.0, temporal_kernel=3)
ENCODER = dict(type="Encoder", backbone=BACKBONE, projector=dict(type="MLPProjector", out_channels=6, norm=True))


def build(name: str, **more) -> nn.Module:
    torch.manual_seed(0)
    model = MODELS.build(dict(type=name, encoder=copy.deepcopy(ENCODER), **more))
    model.init_weights()
    return model


def views(n: int = 6, noise: float = 0.3, seed: int = 0) -> dict[str, View]:
    """Two noisy copies of each clip; in some clips the second person is absent."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.ones(n, 2, dtype=torch.bool)
    mask[n // 3 :, 1] = False
    clips = torch.randn(n, 2, 1, 25, 3, generator=generator).expand(n, 2, 8, 25, 3)
    copies = (clips + noise * torch.randn(clips.shape, generator=generator) for _ in range(2))
    return {k: View(x * mask[..., None, None, None], mask) for k, x in zip(("first", "second"), copies)}


def cosines(a: torch.Tensor, b: torch.Tensor) -> np.ndarray:
    a, b = a.detach().double().numpy(), b.detach().double().numpy()
    return (a @ b.T) / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)


def test_simclr():
    model, batch = build("SimCLR", loss=dict(type="NTXentLoss", temperature=0.2, chunk_size=5)), views()
    z = torch.cat([model.encoder(batch["first"]), model.encoder(batch["second"])])
    s = np.exp(cosines(z, z) / 0.2)
    expected = np.mean([-math.log(s[i, (i + 6) % 12] / (s[i].sum() - s[i, i])) for i in range(12)])
    found = model.loss(batch)
    assert found["loss_contrast"].item() == pytest.approx(expected, rel=1e-5)
    assert found["pos_sim"].item() == pytest.approx(np.diag(cosines(z[:6], z[6:])).mean(), rel=1e-5)
    unit = z[:6].detach().numpy() / np.linalg.norm(z[:6].detach().numpy(), axis=1, keepdims=True)
    assert found["embedding_std"].item() == pytest.approx(unit.std(0).mean() * math.sqrt(6), rel=1e-5)
    assert build("SimCLR").criterion.temperature == 0.1


def test_byol():
    model, batch = build("BYOL", momentum=0.9), views()
    with torch.no_grad():
        for p in model.encoder.parameters():  # as after some steps
            p.add_(0.1 * torch.randn_like(p))
    twin = copy.deepcopy(model)
    online = dict(twin.encoder.named_parameters())
    followed = {k: 0.9 * p + 0.1 * online[k] for k, p in twin.target.module.named_parameters()}
    twin.target.module.load_state_dict(followed, strict=False)
    p1, p2 = (twin.predictor(twin.encoder(batch[k])) for k in ("first", "second"))
    t1, t2 = (twin.target.module(batch[k]) for k in ("first", "second"))
    expected = np.mean(2 - 2 * np.diag(cosines(p1, t2))) + np.mean(2 - 2 * np.diag(cosines(p2, t1)))
    found = model.loss(batch)
    assert found["loss_byol"].item() == pytest.approx(expected, rel=1e-5)
    assert found["pos_sim"].item() == pytest.approx(1 - expected / 4, rel=1e-5)
    for name, p in model.target.module.named_parameters():
        torch.testing.assert_close(p, followed[name])
    found["loss_byol"].backward()
    assert all(p.grad is None for p in model.target.parameters())
    assert all(p.grad is not None for p in (*model.encoder.parameters(), *model.predictor.parameters()))


def test_simsiam():
    model, batch = build("SimSiam"), views()
    twin = copy.deepcopy(model)
    z1, z2 = (twin.encoder(batch[k]) for k in ("first", "second"))
    p1, p2 = twin.predictor(z1), twin.predictor(z2)
    expected = -(np.diag(cosines(p1, z2)).mean() + np.diag(cosines(p2, z1)).mean()) / 2
    found = model.loss(batch)
    assert found["loss_simsiam"].item() == pytest.approx(expected, rel=1e-5)
    # the gradient is that of targets which are numbers
    found["loss_simsiam"].backward()
    constants = z2.detach().clone(), z1.detach().clone()
    cos = nn.CosineSimilarity(dim=1)
    (-(cos(p1, constants[0]).mean() + cos(p2, constants[1]).mean()) / 2).backward()
    for (name, p), q in zip(model.named_parameters(), twin.parameters()):
        torch.testing.assert_close(p.grad, q.grad, msg=lambda m, k=name: f"{k}: {m}")
    assert model.predictor.layers[0].out_features == max(6 // 4, 1)


def test_barlow_twins():
    model, batch = build("BarlowTwins", redundancy_weight=0.01), views()
    z = [model.encoder(batch[k]).detach().double().numpy() for k in ("first", "second")]
    c = np.corrcoef(*z, rowvar=False)[:6, 6:]
    diagonal = np.diag(c)
    found = model.loss(batch)  # tolerances: of eps, which correlations do not have
    assert found["loss_invariance"].item() == pytest.approx(((1 - diagonal) ** 2).sum(), rel=0.01)
    assert found["loss_redundancy"].item() == pytest.approx(0.01 * ((c**2).sum() - (diagonal**2).sum()), rel=0.01)
    assert build("BarlowTwins").criterion.redundancy_weight == 0.005


def test_vicreg():
    model, batch = build("VICReg", invariance_weight=7.0, variance_weight=5.0, covariance_weight=3.0), views()
    a, b = (model.encoder(batch[k]).detach().double().numpy() for k in ("first", "second"))
    variance = covariance = 0.0
    for c in (np.cov(a, rowvar=False), np.cov(b, rowvar=False)):
        variance += np.maximum(0, 1 - np.sqrt(np.diag(c) + 1e-4)).mean()
        covariance += ((c**2).sum() - (np.diag(c) ** 2).sum()) / 6
    found = model.loss(batch)
    assert found["loss_invariance"].item() == pytest.approx(7 * ((a - b) ** 2).mean(), rel=1e-5)
    assert found["loss_variance"].item() == pytest.approx(5 * variance, rel=1e-5)
    assert found["loss_covariance"].item() == pytest.approx(3 * covariance, rel=1e-5)
    assert build("VICReg").criterion.weights == dict(invariance=25, variance=25, covariance=1)


@pytest.mark.parametrize("name", METHODS)
def test_it_learns_and_does_not_collapse(name):
    """The loss falls, embeddings stay spread, and views of a new clip grow more alike than those of two clips."""

    def gap() -> float:
        s = cosines(*(model.encoder(x) for x in views(24, seed=1).values()))
        return float(np.diag(s).mean() - s[~np.eye(24, dtype=bool)].mean())

    model = build(name)
    before = gap()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    log = []
    for step in range(20):
        losses = model.loss(views(24, seed=2 + step))
        total = sum(v for k, v in losses.items() if "loss" in k)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        log.append((total.item(), losses["embedding_std"].item()))
    assert np.mean(log[-5:], 0)[0] < np.mean(log[:5], 0)[0]
    assert log[-1][1] > 0.3
    assert gap() > before


@pytest.mark.parametrize("name", METHODS)
def test_probes_see_the_encoders_features(name):
    model, view = build(name).eval(), views()["first"]
    torch.testing.assert_close(model(view, mode="tensor"), model.encoder.extract(view))
    assert model(view, mode="tensor").shape == (6, 8), "before the projector"


@pytest.mark.parametrize("name", METHODS)
def test_under_autocast_losses_and_log_are_single_precision(name):
    model, batch = build(name), views()
    plain = copy.deepcopy(model).loss(batch)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = model.loss(batch)
    for key, value in plain.items():
        assert mixed[key].dtype == torch.float32, key
        torch.testing.assert_close(mixed[key], value, rtol=0.1, atol=0.05)


@pytest.mark.parametrize("name", ["SimCLR", "BYOL", "SkeletonCLR"])
def test_a_classifier_takes_the_encoder_out_of_the_checkpoint(name):
    """Without being told where it is; and nothing else, such as the preprocessor's seed."""
    preprocessor = dict(type="SkeletonPreprocessor", layout="ntu25", seed=11)
    more = dict(queue_size=8, key_init="reference") if name == "SkeletonCLR" else {}
    method = build(name, data_preprocessor=preprocessor, **more).eval()
    torch.manual_seed(1)
    encoder = {k: v for k, v in ENCODER.items() if k != "projector"}
    head = dict(type="LinearHead", num_classes=5)
    config = dict(type="Classifier", encoder=encoder, head=head, data_preprocessor={**preprocessor, "seed": 12})
    classifier, again = MODELS.build(config).eval(), MODELS.build(config)
    with torch.no_grad():
        for p in method.parameters():
            p.add_(torch.rand_like(p))
    assert load_weights(classifier, method.state_dict(), "x.pth").backbone == 1
    view = views()["first"]
    torch.testing.assert_close(classifier.encoder.extract(view), method(view))
    assert classifier.data_preprocessor.seed == 12
    load_weights(again, classifier.state_dict(), "finetuned.pth", strict=True)  # its own file fits as it is
    assert torch.equal(again.head.fc.weight, classifier.head.fc.weight)


def test_byols_target_starts_as_the_encoder_and_its_momentum_rises_to_one():
    model = build("BYOL")
    for key, value in model.encoder.state_dict().items():
        assert torch.equal(value, model.target.module.state_dict()[key]), key
    for k, expected in ((0, 0.996), (50, 1 - 0.004 / 2), (100, 1.0)):
        model.set_progress(k / 100)
        model.loss(views())
        assert model.target.momentum == pytest.approx(expected, abs=1e-12)
    rising = [cosine_momentum(0.9, k / 20) for k in range(21)]
    assert rising == sorted(rising)


@pytest.mark.parametrize("train_cfg", [dict(by_epoch=True, max_epochs=3), dict(by_epoch=False, max_iters=15)])
def test_the_runner_tells_the_progress_also_after_a_resume(tmp_path, monkeypatch, train_cfg):
    told = []
    monkeypatch.setattr(ToyDenoiser, "set_progress", lambda self, progress: told.append(progress), raising=False)
    config = toy_config(tmp_path, val_cfg=None, val_dataloader=None, val_evaluator=None, train_cfg=train_cfg)
    config["default_hooks"]["checkpoint"] = dict(type="CheckpointHook", interval=7, by_epoch=False)
    MotionRunner.from_cfg(Config(copy.deepcopy(config))).train()
    assert told == pytest.approx([k / 15 for k in range(15)])
    told.clear()
    MotionRunner.from_cfg(Config(dict(config, load_from=str(tmp_path / "iter_7.pth"), resume=True))).train()
    assert told == pytest.approx([k / 15 for k in range(7, 15)])


@pytest.mark.parametrize(
    ("name", "wrong", "told"),
    [
        ("SimCLR", dict(loss=dict(type="NTXentLoss", temperature=-1.0)), "temperature=-1.0"),
        ("BYOL", dict(momentum=1.5), r"momentum=1.5.*\[0, 1\]"),
        ("BYOL", dict(predictor=dict(type="MLPProjector", out_channels=7)), "predictor.out_channels=7.*width 6"),
        ("SimSiam", dict(predictor=dict(type="MLPProjector", out_channels=7)), "predictor.out_channels=7.*width 6"),
        ("BarlowTwins", dict(redundancy_weight=-0.1), "redundancy_weight=-0.1"),
        ("VICReg", dict(variance_weight=-2), "variance_weight=-2"),
    ],
)
def test_numbers_out_of_range_are_told(name, wrong, told):
    with pytest.raises(ConfigError, match=told):
        build(name, **wrong)


def test_an_embedding_that_is_batch_normalised():
    projector = NECKS.build(dict(type="MLPProjector", in_channels=8, out_channels=6, norm=True, norm_last=True))
    z = projector(torch.randn(32, 8))
    torch.testing.assert_close(z.mean(0), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.var(0, unbiased=False), torch.ones(6), atol=1e-2, rtol=0)
    assert [name for name, _ in projector.named_parameters()][-2:] == ["layers.4.weight", "layers.4.bias"]
