"""Masked prediction: equal to the reference's numbers; masks, targets and losses against plain code."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmsync.errors import ConfigError, DataError
from mmsync.ops.masks import motion_log_weights, normalize_patches, patchify, split_tokens, take_tokens
from mmsync.registry import MODELS
from mmsync.structures import View

from .reference import load_strictly, tensors, to_mmsync

METHODS = ["MAMP"]
VIT = dict(type="SkeletonViT", layout="sbu15", embed_dim=16, depth=2, num_heads=4, t_patch=4, clip_len=16)
DST = dict(type="DSTformer", layout="sbu15", embed_dim=16, rep_dim=12, depth=1, num_heads=4, max_len=16)
DECODER = dict(embed_dim=8, depth=1, num_heads=2)


def build(name: str = "MAMP", backbone: dict | None = None, persons: str = "valid_mean", **more) -> nn.Module:
    torch.manual_seed(0)
    pool = dict(type="SkeletonPool", persons=persons)
    encoder = dict(type="Encoder", backbone={**VIT, **(backbone or {})}, pool=pool)
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
