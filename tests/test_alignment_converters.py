"""Checkpoints of CASA and CARL become mmsync's and come back."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mmsync.errors import CheckpointError
from mmsync.interop.convert import convert_checkpoint, from_reference, to_reference
from mmsync.ops.attention import sine_positions
from mmsync.registry import MODELS, NECKS
from mmsync.structures import View

from .test_models.reference import tensors


@pytest.fixture(scope="module")
def specs(data_root):
    folder = data_root.parent / "specs" / "keys"
    if not folder.is_dir():
        pytest.skip(f"names of published checkpoints: {folder} is no folder")
    return folder


def published(specs, file: str, name: str) -> dict[str, torch.Tensor]:
    """A state of exactly the names and shapes of a published file."""
    shapes = json.loads((specs / f"{file}.json").read_text())[name]
    generator = torch.Generator().manual_seed(0)
    return {key: torch.rand(shape, generator=generator) if shape else torch.tensor(3) for key, shape in shapes.items()}


@pytest.mark.parametrize(("name", "channels"), [("penn", 75), ("h2o", 126), ("ikea", 51)])
@pytest.mark.parametrize("prefix", ["", "matcher."])
def test_casa_goes_in_and_comes_back(specs, name, channels, prefix):
    state = {prefix + key: value for key, value in published(specs, "casa_state_dict", name).items()}
    assert len(state) == 89
    result = from_reference({"state_dict": state}, "casa", name)
    own = result.checkpoint["state_dict"]
    assert result.unused == [f"{prefix}pos_encoding.pe"]
    assert (result.match.missing, result.match.reshaped, result.match.backbone) == ([], [], 1)
    assert result.model["encoder"]["backbone"] == dict(type="FrameMLP", in_channels=channels, widths=[channels] * 2)
    parts = {key: value for key, value in result.model.items() if key != "type"}
    parts["encoder"] = MODELS.build(parts["encoder"])
    parts["context"] = MODELS.build(parts["context"])
    parts["projector"] = NECKS.build(parts["projector"], default_args=dict(in_channels=channels))
    torch.nn.ModuleDict(parts).load_state_dict(own)  # all of it has a place
    back = to_reference(result.checkpoint, "casa").checkpoint
    assert back.keys() == state.keys()
    assert all(torch.equal(back[key], state[key]) for key in state)
    new = to_reference({"state_dict": own}, "casa").checkpoint  # a training of mmsync's
    even = channels + channels % 2
    torch.testing.assert_close(new["pos_encoding.pe"][:, 0], sine_positions(torch.arange(5000), even))
    assert new.keys() == {key[len(prefix) :] for key in state}


def test_a_lightning_file_of_casa_is_read(fixture_root, tmp_path):
    archive = np.load(fixture_root / "alignment" / "casa_penn_sim0.npz")
    state = tensors(archive, "w.")
    torch.save({"state_dict": {f"matcher.{k}": v for k, v in state.items()}, "epoch": 3}, tmp_path / "last.ckpt")
    result = convert_checkpoint(tmp_path / "last.ckpt", tmp_path / "casa.pth", "casa")
    context = MODELS.build(dict(result.model["context"], mask=False))
    encoder = MODELS.build(result.model["encoder"])
    own = torch.load(tmp_path / "casa.pth", weights_only=True)["state_dict"]
    for name, part in (("encoder.", encoder), ("context.", context)):
        part.load_state_dict({k[len(name) :]: v for k, v in own.items() if k.startswith(name)})
    x = encoder(View(torch.from_numpy(archive["kp0"]).float().flatten(2)))
    found, _ = context(x, None, x, None)
    np.testing.assert_allclose(found.detach(), archive["emb_eval"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "layers", "frames", "entries"), [("penn_3layers", 3, 80, 75), ("pouring_2layers", 2, 240, 59)]
)
def test_carl_goes_in_and_comes_back(specs, name, layers, frames, entries):
    state = published(specs, "carl_head_state_dict", name)
    assert len(state) == entries
    resnet = {"backbone.0.weight": torch.rand(4, 3, 7, 7), "res_finetune.0.bn.weight": torch.rand(3)}
    file = {"state_dict": {"model_state": {**state, **resnet}, "epoch": 1}}
    result = from_reference(file, "carl", name)
    backbone = result.model["encoder"]["backbone"]
    assert (backbone["num_layers"], backbone["train_frames"], backbone["in_channels"]) == (layers, frames, 2048)
    assert sorted(result.unused) == sorted([*resnet, "ssl_projection.net.0.bias"])
    assert (result.match.missing, result.match.unexpected, result.match.reshaped) == ([], [], [])
    encoder = MODELS.build(result.model["encoder"])
    torch.nn.ModuleDict({"encoder": encoder}).load_state_dict(result.checkpoint["state_dict"])
    count = sum(p.numel() for p in encoder.parameters()) + 128  # the bias before a batch norm, which is folded into it
    assert count == sum(v.numel() for k, v in state.items() if "running" not in k and v.dim())
    if layers == 3:
        assert round(count / 1e6, 2) == 3.88
    back = to_reference(result.checkpoint, "carl").checkpoint["model_state"]
    assert back.keys() == {*state, *resnet}
    for key, value in state.items():
        torch.testing.assert_close(back[key], value)


def test_carls_projector_gives_the_same_without_its_bias(specs):
    state = published(specs, "carl_head_state_dict", "penn_3layers")
    result = from_reference({"state_dict": state}, "carl")
    encoder = MODELS.build(result.model["encoder"])
    torch.nn.ModuleDict({"encoder": encoder}).load_state_dict(result.checkpoint["state_dict"])
    net = torch.nn.Sequential(
        torch.nn.Linear(128, 128), torch.nn.BatchNorm1d(128), torch.nn.ReLU(), torch.nn.Linear(128, 128)
    ).eval()
    net.load_state_dict({k[len("ssl_projection.net.") :]: v for k, v in state.items() if k.startswith("ssl_")})
    x = torch.randn(5, 128)
    torch.testing.assert_close(encoder.eval().projector(x), net(x), rtol=1e-4, atol=1e-4)
    own = result.checkpoint["state_dict"]
    pairs = {"norm1.bias": "res_layer0.norm.bias", "merge.weight": "self_att.linear_d2Q.weight"}
    pairs.update({"fc2.bias": "feed_forward.fc2.bias", "k_proj.weight": "self_att.linear_K2d.weight"})
    for ours, theirs in pairs.items():
        wanted = state[f"embed.video_encoder.enc_layers.1.{theirs}"]
        assert torch.equal(own[f"encoder.backbone.layers.1.{ours}"], wanted)


def test_the_file_of_another_family_is_named(specs):
    with pytest.raises(CheckpointError, match=r"looks like one of .*mmsync casa_to_mmsync"):
        from_reference({"state_dict": published(specs, "casa_state_dict", "ikea")}, "carl")
