"""Masked prediction: equal to the reference's numbers; masks, targets and losses against plain code."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmsync.errors import ConfigError, DataError
from mmsync.ops.masks import motion_log_weights, normalize_patches, patchify, split_tokens
from mmsync.registry import MODELS
from mmsync.structures import View

from .reference import load_strictly, tensors, to_mmsync

METHODS = ["MAMP", "SkeletonMAE", "SJEPA"]
VIT = dict(type="SkeletonViT", layout="sbu15", embed_dim=16, depth=2, num_heads=4, t_patch=4, clip_len=16)
DST = dict(type="DSTformer", layout="sbu15", embed_dim=16, rep_dim=12, depth=1, num_heads=4, max_len=16)
DECODER = dict(embed_dim=8, depth=1, num_heads=2)


def build(name: str = "MAMP", backbone: dict | None = None, persons: str = "valid_mean", **more) -> nn.Module:
    torch.manual_seed(0)
    pool = dict(type="SkeletonPool", persons=persons)
    encoder = dict(type="Encoder", backbone=backbone or VIT, pool=pool)
    return MODELS.build(dict(type=name, encoder=encoder, decoder=DECODER, **more))


def clip(n: int = 3, frames: int = 16, joints: int = 15, channels: int = 3) -> View:
    x = torch.randn(n, 2, frames, joints, channels, generator=torch.Generator().manual_seed(1))
    present = torch.ones(n, 2, dtype=torch.bool)
    present[1:, 1] = False
    return View(x * present[..., None, None, None], present)


def name(key: str) -> str:
    """The reference's name of a parameter to ours."""
    return (
        f"decoder.{key.removeprefix('decoder_')}"
        if key.startswith(("decoder_", "mask_"))
        else f"encoder.backbone.{key}"
    )


def test_mamp_equals_the_reference(fixture_root):
    """Mask, predictions, loss and gradients; empty second persons are masked and predicted like real ones."""
    archive = np.load(fixture_root / "skeleton" / "mamp_pretrain.npz")
    cfg, call = (json.loads(str(archive["meta"]))[key] for key in ("cfg", "call"))
    backbone = dict(
        type="SkeletonViT",
        embed_dim=cfg["dim_feat"],
        depth=cfg["depth"],
        num_heads=cfg["num_heads"],
        mlp_ratio=cfg["mlp_ratio"],
        t_patch=cfg["t_patch_size"],
        clip_len=cfg["num_frames"],
    )
    decoder = dict(embed_dim=cfg["decoder_dim_feat"], depth=cfg["decoder_depth"], num_heads=cfg["num_heads"])
    encoder = dict(type="Encoder", backbone=backbone, pool=dict(type="SkeletonPool", persons="mean"))
    settings = dict(mask_ratio=call["mask_ratio"], motion_tau=call["motion_aware_tau"])
    model = MODELS.build(dict(type="MAMP", encoder=encoder, decoder=decoder, **settings))
    load_strictly(model, {name(k): v for k, v in tensors(archive, "sd/").items()})
    uniform = torch.from_numpy(archive["in/uniform"])
    model.uniform = lambda rows, places: uniform

    x = to_mmsync(torch.from_numpy(archive["in/x"]))
    view = View(x, x.flatten(2).any(2))
    rows = model.rows(view)
    np.testing.assert_array_equal(patchify(rows, 4).flatten(1, 2), archive["aux/patchify"])
    keep, hidden = model.split(rows)
    assert keep.shape[1] == archive["out/n_keep"]
    np.testing.assert_array_equal(torch.zeros(6, 150).scatter(1, hidden, 1.0), archive["out/mask"])
    np.testing.assert_allclose(model.predict_tokens(rows, keep).detach(), archive["out/pred"], rtol=1e-4, atol=1e-5)
    loss = model({"clip": view}, mode="loss")["loss_masked"]
    np.testing.assert_allclose(loss.item(), archive["out/loss"], rtol=1e-4, atol=1e-5)

    loss.backward()
    gradients = {k: p.grad for k, p in model.named_parameters()}
    for key, expected in tensors(archive, "grad/").items():
        scale = expected.abs().max().item()
        np.testing.assert_allclose(gradients[name(key)], expected, rtol=1e-3, atol=1e-4 * scale, err_msg=key)
    norms = tensors(archive, "gradnorm/")
    assert set(map(name, norms)) == set(gradients)
    for key, norm in norms.items():
        np.testing.assert_allclose(gradients[name(key)].norm(), norm, rtol=1e-3, atol=1e-6, err_msg=key)


# ------------------------------------------------------------------------------------------------------ pure functions


def test_patches_are_frames_of_one_joint():
    x = torch.randn(2, 8, 3, 5)
    found = patchify(x, 4)
    assert found.shape == (2, 2, 3, 20)
    for t in range(8):
        torch.testing.assert_close(found[:, t // 4, :, 5 * (t % 4) : 5 * (t % 4) + 5], x[:, t])


def test_normalized_patches_have_their_own_mean_and_unbiased_deviation():
    x = 3 + 2 * torch.randn(4, 6, dtype=torch.float64)
    expected = [(row - row.mean()) / np.sqrt(row.var(ddof=1) + 1e-6) for row in x.numpy()]
    np.testing.assert_allclose(normalize_patches(x), expected)
    assert not normalize_patches(torch.full((2, 12), 5.0)).any()  # empty persons, and joints that rest
    assert torch.isfinite(normalize_patches(torch.randn(3, 1))).all()


def test_motion_weights_against_a_loop():
    patches, tau = torch.randn(2, 4, 3, 6, dtype=torch.float64), 0.75
    motion = np.zeros((2, 4, 3))
    for t in range(1, 4):
        motion[:, t] = np.abs(patches[:, t] - patches[:, t - 1]).mean(2)
    motion[:, 0] = motion[:, 1]
    for found, row in zip(motion_log_weights(patches, tau), motion.reshape(2, -1)):
        weight = np.exp(row / (row.max() * tau))
        np.testing.assert_allclose(found.exp(), weight / weight.sum(), rtol=1e-6)
    for still in (motion_log_weights(patches, 0.0), motion_log_weights(patches[:, :1], tau)):
        np.testing.assert_allclose(still.exp(), np.full(still.shape, 1 / still.shape[1]))


@pytest.mark.parametrize(
    ("places", "ratio", "visible"),
    [(750, 0.9, 74), (150, 0.9, 14), (160, 0.9, 15), (8, 0.5, 4), (3, 0.9, 1), (3, 0.01, 2)],
)
def test_how_many_tokens_are_visible(places, ratio, visible):
    keep, hidden = split_tokens(torch.zeros(5, places), torch.rand(5, places), ratio)
    assert keep.shape == (5, visible)
    both = torch.cat([keep, hidden], 1).sort(1).values
    assert torch.equal(both, torch.arange(places).expand(5, -1))


def test_tokens_are_hidden_in_proportion_to_their_weights():
    """The first to be hidden is drawn by the weights (Gumbel-max)."""
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    uniform = torch.rand(40000, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    uniform[0] = 0  # torch.rand gives it
    _, hidden = split_tokens(weights.log().expand_as(uniform), uniform, 0.25)
    share = hidden[:, 0].bincount(minlength=4) / len(hidden)
    np.testing.assert_allclose(share, weights, atol=4 * 0.5 / np.sqrt(40000))


# -------------------------------------------------------------------------------------------------------- the methods


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("backbone", [VIT, DST], ids=["vit", "dst"])
def test_visible_tokens_see_nothing_of_the_hidden_ones(method, backbone):
    model, view = build(method, backbone).eval(), clip()
    rows = model.rows(view)
    keep, hidden = model.split(rows)
    before = model.predict_tokens(rows, keep, hidden)
    size = model.encoder.backbone.token_frames
    changed = patchify(rows, size).flatten(1, 2).scatter(1, hidden.unsqueeze(-1).expand(-1, -1, size * 3), 7.0)
    changed = changed.unflatten(1, (-1, 15)).unflatten(3, (size, 3)).transpose(2, 3).flatten(1, 2)
    assert not torch.equal(changed, rows)
    torch.testing.assert_close(model.predict_tokens(changed, keep, hidden), before)


def test_hidden_tokens_cost_the_encoder_nothing(monkeypatch):
    model, seen = build(), []
    first = model.encoder.backbone.blocks[0]
    monkeypatch.setattr(first, "forward", lambda x, old=first.forward: seen.append(x.shape[2]) or old(x))
    model({"clip": clip()}, mode="loss")
    assert seen == [5]  # of 4 x 15


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("persons", "rows"), [("valid_mean", 4), ("mean", 6)])
def test_absent_persons_are_skipped_unless_the_encoder_counts_them(method, persons, rows):
    model = build(method, persons=persons)
    assert len(model.rows(clip())) == rows


@pytest.mark.parametrize("method", ["MAMP", "SkeletonMAE"])
def test_the_loss_is_the_mean_over_hidden_patches(method):
    model, view = build(method), clip()
    rows = model.rows(view)
    keep, hidden = model.split(rows)
    x = rows.numpy()
    if method == "MAMP":
        x = np.concatenate([x[:, 1:] - x[:, :-1], np.zeros_like(x[:, :1])], 1)
    predicted = model.predict_tokens(rows, keep).detach().numpy()
    errors = []
    for person, places in enumerate(hidden):
        for place in places.tolist():
            t, v = divmod(place, 15)
            patch = x[person, 4 * t : 4 * t + 4, v].reshape(-1)
            patch = (patch - patch.mean()) / np.sqrt(patch.var(ddof=1) + 1e-6)
            errors.append((predicted[person, place] - patch) ** 2)
    model.split = lambda rows: (keep, hidden)
    found = model({"clip": view}, mode="loss")["loss_masked"].item()
    assert found == pytest.approx(np.mean(errors), rel=1e-5)


def test_sjepa_against_plain_code():
    model, view = build("SJEPA", momentum=0.5, center_momentum=0.8, temperature=0.2), clip()
    with torch.no_grad():
        for p in model.target.parameters():
            p.add_(0.1)
    model.center.copy_(torch.randn(16))
    rows = model.rows(view)
    keep, hidden = model.split(rows)
    model.split = lambda rows: (keep, hidden)
    old = {k: p.clone() for k, p in model.target.module.named_parameters()}
    center = model.center.clone()
    losses = model({"clip": view}, mode="loss")
    for key, p in model.target.module.named_parameters():  # updated before its features are taken
        torch.testing.assert_close(p, (old[key] + model.encoder.get_parameter(key)) / 2)
    features = model.target.module.backbone.encode(model.target.module.backbone.tokens(rows)).flatten(1, 2)
    torch.testing.assert_close(model.center, 0.8 * center + 0.2 * features.mean((0, 1)))
    terms = []
    for person, places in enumerate(hidden):
        predicted = model.predict_tokens(rows, keep)[person, places].double()
        goal = F.softmax((features[person, places].double() - center) / 0.04, 1)
        terms.append(-(goal * F.log_softmax(predicted / 0.2, 1)).sum(1))
    torch.testing.assert_close(losses["loss_sjepa"].double(), torch.cat(terms).mean(), rtol=1e-5, atol=1e-6)
    losses["loss_sjepa"].backward()
    assert all(p.grad is None for p in model.target.parameters())
    assert all(p.grad.abs().sum() > 0 for p in model.encoder.parameters())


def test_sjepas_momentum_rises_to_one():
    model = build("SJEPA", momentum=0.9)
    model.init_weights()
    assert all(map(torch.equal, model.target.module.parameters(), model.encoder.parameters()))
    model.set_progress(0.5)
    model({"clip": clip()}, mode="loss")
    assert model.target.momentum == pytest.approx(0.95)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("backbone", [VIT, DST], ids=["vit", "dst"])
@pytest.mark.parametrize(("layout", "channels"), [("coco17", 2), ("coco17", 3), ("ntu25", 3)])
def test_any_layout_in_two_or_three_dimensions(method, backbone, layout, channels):
    """Scores of 2-D joints are seen, but neither predicted nor motion."""
    coords = 2 if layout == "coco17" else 3
    model = build(method, {**backbone, "layout": layout, "in_channels": channels}, num_coords=coords)
    view = clip(joints=model.encoder.backbone.layout.num_joints, channels=channels)
    total, _ = model.parse_losses(model({"clip": view}, mode="loss"))
    total.backward()
    if method != "SJEPA":
        assert model.decoder.pred.out_features == coords * model.encoder.backbone.token_frames
        scores = view._replace(data=view.data * torch.tensor([1.0] * coords + [0.0] * (channels - coords)))
        assert torch.equal(
            model.targets(model.rows(scores)[..., :coords]), model.targets(model.rows(view)[..., :coords])
        )


@pytest.mark.parametrize("method", METHODS)
def test_other_lengths_and_no_person(method):
    model = build(method)
    for frames in (4, 20):
        total, _ = model.parse_losses(model({"clip": clip(frames=frames)}, mode="loss"))
        assert torch.isfinite(total)
    empty = clip()._replace(present=torch.zeros(3, 2, dtype=torch.bool))  # as a rank may get
    total, _ = model.parse_losses(model({"clip": empty}, mode="loss"))
    total.backward()
    assert total.item() == 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (dict(mask_ratio=1.0), r"mask_ratio=1.0.*above 0 and below 1"),
        (dict(mask_ratio=0.0), r"mask_ratio=0.0.*above 0 and below 1"),
        (dict(motion_tau=-1.0), r"motion_tau=-1.0.*0 or more"),
        (dict(encoder=dict(type="Encoder", backbone=dict(type="STGCN"))), "STGCN has no tokens; use SkeletonViT"),
        (dict(encoder=dict(type="Encoder", backbone={**VIT, "stem": dict(channels=[8], strides=[1])})), "drop stem"),
        (
            dict(encoder=dict(type="Encoder", backbone=VIT, projector=dict(type="MLPProjector", out_channels=4))),
            "trains no projector",
        ),
        (dict(decoder=dict(embed_dim=10, num_heads=4)), "embed_dim=10.*num_heads that divide"),
    ],
)
def test_mistakes(more, message):
    config = dict(type="MAMP", encoder=dict(type="Encoder", backbone=VIT), decoder=DECODER)
    with pytest.raises(ConfigError, match=message):
        MODELS.build({**config, **more})


def test_sjepa_mistakes():
    for more, message in ((dict(momentum=2.0), r"\[0, 1\]"), (dict(target_temperature=0.0), "temperatures above 0")):
        with pytest.raises(ConfigError, match=message):
            build("SJEPA", **more)


def test_clips_of_a_part_of_a_patch():
    with pytest.raises(DataError, match="clips of 18 frames are no whole number of patches of 4; make them 20 frames"):
        build()({"clip": clip(frames=18)}, mode="loss")


@pytest.mark.parametrize("method", METHODS)
def test_it_learns_to_predict(method):
    model, view = build(method, mask_ratio=0.5), clip(6)
    time = torch.arange(16.0)[:, None, None]
    x = torch.sin(0.7 * time + torch.arange(15.0)[:, None] + torch.arange(6.0).view(6, 1, 1, 1, 1))
    view = view._replace(data=x.expand(6, 2, 16, 15, 3).contiguous())
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    history = []
    for _ in range(40):
        total, _ = model.parse_losses(model({"clip": view}, mode="loss"))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        history.append(total.item())
    assert np.mean(history[-5:]) < 0.8 * np.mean(history[:5])
