"""Published video checkpoints become mmsync's and come back, by the published key map; wrong files fail."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mmsync.engine.checkpoint import load_weights, read_checkpoint, write_checkpoint
from mmsync.errors import CheckpointError
from mmsync.interop.convert import convert_checkpoint, from_reference, inflate, read_weights, to_reference
from mmsync.models.backbones import I3D, VideoResNet
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.registry import MODELS
from mmsync.structures import View

TOOLS = Path(__file__).parents[1] / "tools" / "model_converters"
PREFIX = "encoder.backbone."
NORM = ("weight", "bias", "running_mean", "running_var")
I3D_FILES = {  # column of the key map, channels, names without a place
    "pytorch_i3d_InceptionI3d_rgb400": (0, 3, 0),
    "pytorch_i3d_InceptionI3d_flow400": (0, 2, 0),
    "hassony2_I3D_rgb400": (1, 3, 0),
    "hassony2_I3D_flow400": (1, 2, 0),
    "deepmind_tf_rgb_imagenet": (2, 3, 0),
    "deepmind_tf_flow_imagenet": (2, 2, 0),
    "deepmind_tf_rgb_scratch": (2, 3, 0),
    "deepmind_tf_rgb_scratch_kin600": (2, 3, 116),
}
RESNET_FILES = {
    "torchvision_r3d_18": dict(variant="r3d"),
    "torchvision_mc3_18": dict(variant="mc3"),
    "torchvision_r2plus1d_18": dict(variant="r2plus1d", midplanes="per_block", bn_eps=1e-5),
    "xdc_vmz_r2plus1d_18": dict(variant="r2plus1d", midplanes="per_conv", bn_eps=1e-3),
}


@pytest.fixture(scope="session")
def keys(data_root):
    folder = data_root.parent / "specs" / "keys"
    if not folder.is_dir():
        pytest.skip(f"names of published checkpoints: {folder} is no folder")
    return folder


def published(keys: Path, name: str) -> dict[str, torch.Tensor]:
    """A state of exactly the names, shapes and types of a published file; large tensors hold one number."""
    generator, state = torch.Generator().manual_seed(0), {}
    for i, (key, (shape, dtype)) in enumerate(json.loads((keys / f"{name}.json").read_text())["keys"].items()):
        large = np.prod(shape) > 1e4
        value = torch.rand([1] * len(shape) if large else shape, generator=generator) + (i if large else 0.1)
        state[key] = value.to(getattr(torch, dtype)).expand(shape)
    return state


def goes_back(result, state, family) -> None:
    back = to_reference(result.checkpoint, family).checkpoint
    assert set(back) == set(state)
    for key, value in state.items():
        assert (back[key].shape, back[key].dtype) == (value.shape, value.dtype), key
        assert torch.equal(back[key], value), key


@pytest.mark.parametrize("name", I3D_FILES)
@pytest.mark.parametrize("counted", [True, False])
def test_a_published_i3d_goes_where_the_key_map_says(keys, name, counted):
    """All of it, and back; files of torch before 0.4 have no counters of batches."""
    column, channels, aside = I3D_FILES[name]
    state = {k: v for k, v in published(keys, name).items() if counted or "num_batches" not in k}
    result = from_reference({"state_dict": state}, "i3d", name)
    assert (result.match.missing, result.match.unexpected, result.match.reshaped) == ([], [], [])
    assert (result.match.backbone, len(result.match.matched), len(result.unused)) == (1, 344, aside)
    assert result.model["encoder"]["backbone"] == dict(type="I3D", in_channels=channels, width=1.0)
    assert result.model["head"]["num_classes"] == (600 if "600" in name else 400)
    found = result.checkpoint["state_dict"]
    for row in json.loads((keys / "i3d_key_map.json").read_text())["rows"]:
        ours = row[0].replace("logits.conv3d", "head.fc") if row[0].startswith("logits") else PREFIX + row[0]
        theirs = row[column]
        if theirs is None:  # TensorFlow has neither scales nor counters
            assert found[ours].unique().tolist() == [0 if "num_batches" in ours else 1]
            continue
        if column == 2:
            scope = "" if "600" in name else "Flow/inception_i3d/" if channels == 2 else "RGB/inception_i3d/"
            theirs = theirs.replace("RGB/inception_i3d/", scope)
        if theirs not in state:
            assert not counted
            assert found[ours] == 0
            continue
        value = state[theirs]
        if column == 2:
            value = (
                torch.einsum("thwio->oithw", value) if value.shape[-1] > 1 and theirs.endswith("w") else value.flatten()
            )
        assert torch.equal(found[ours], value.reshape(found[ours].shape)), ours
    goes_back(result, state, "i3d")


@pytest.mark.parametrize("name", RESNET_FILES)
@pytest.mark.parametrize("prefix", ["", "module.", "video_network.base."])
def test_a_published_video_resnet_fits_and_comes_back(keys, name, prefix):
    """SeLaVi's files have the sound's network beside it."""
    state = {prefix + key: value for key, value in published(keys, name).items()}
    if "network" in prefix:
        state["audio_network.base.conv1.weight"] = torch.zeros(3)
    result = from_reference({"state_dict": {"model": state, "epoch": 3}}, "video_resnet", name)
    assert (result.match.missing, result.match.unexpected, result.match.reshaped) == ([], [], [])
    assert (result.match.backbone, result.unused) == (1, [k for k in state if "audio" in k])
    backbone = result.model["encoder"]["backbone"]
    assert {key: backbone[key] for key in RESNET_FILES[name]} == RESNET_FILES[name]
    back = to_reference(result.checkpoint, "video_resnet").checkpoint
    assert set(back) == {"model"}
    assert set(back["model"]) == set(state)
    assert all(torch.equal(back["model"][key], value) for key, value in state.items())


# ------------------------------------------------------------------------------------------------- small files, no data


def network(kind: str, classes: int = 5) -> nn.Module:
    """A classifier whose batch normalizations are not those of a fresh one."""
    torch.manual_seed(0)
    backbone = dict(type="I3D", width=0.0625) if kind == "i3d" else dict(type="VideoResNet", width=0.0625)
    pool = dict(type="VideoPool", window=2 if kind == "i3d" else 1)
    encoder, head = dict(type="Encoder", backbone=backbone, pool=pool), dict(type="LinearHead", num_classes=classes)
    model = MODELS.build(dict(type="Classifier", encoder=encoder, head=head))
    for module in model.modules():
        if isinstance(module, BatchNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 1.5)
    return model.eval()


def clip(kind: str) -> View:
    return View(torch.randn(2, 3, 9, 32, 32, generator=torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("form", ["piergiaj", "hassony2", "deepmind", "torchvision"])
def test_what_mmsync_trained_gives_the_same_logits_after_the_way_out_and_back(form):
    """To TensorFlow too, whose batch normalization has no scale: the convolution takes it."""
    family = "video_resnet" if form == "torchvision" else "i3d"
    model, view = network(family), clip(family)
    out = to_reference({"state_dict": model.state_dict()}, family, form=form)
    assert out.unused == []
    result = from_reference({"state_dict": out.checkpoint}, family)
    assert result.checkpoint["meta"]["origin"]["form"] == form
    again = MODELS.build(result.model).eval()
    match = load_weights(again, result.checkpoint["state_dict"], "again", strict=True)
    assert match.backbone == 1
    torch.testing.assert_close(again(view), model(view), rtol=1e-4, atol=1e-5)
    same = [torch.equal(value, again.state_dict()[key]) for key, value in model.state_dict().items()]
    assert all(same) is (form != "deepmind")


def test_one_form_becomes_another():
    state = network("i3d").state_dict()
    names = to_reference({"state_dict": state}, "i3d", form="hassony2").checkpoint
    ours = from_reference({"state_dict": names}, "i3d").checkpoint
    other = to_reference(ours, "i3d", form="piergiaj").checkpoint
    expected = to_reference({"state_dict": state}, "i3d").checkpoint
    assert set(other) == set(expected)
    assert all(torch.equal(other[key], expected[key]) for key in other)


def test_the_backbone_of_a_pretraining_or_alone_goes_out():
    state = network("i3d").encoder.backbone.state_dict()
    for prefix in ("", "backbone.", "encoder_q.backbone.", "branches.0.backbone."):
        names = {prefix + key: value for key, value in state.items()}
        other = {"queue.keys": torch.zeros(3)} if prefix else {}
        out = to_reference({"state_dict": {**names, **other}}, "i3d")
        assert set(out.checkpoint) == set(state)
        assert out.unused == list(other)


def test_another_number_of_classes_is_left_out_of_the_model():
    theirs = to_reference({"state_dict": network("i3d").state_dict()}, "i3d").checkpoint
    converted = from_reference({"state_dict": theirs}, "i3d")
    model = network("i3d", classes=3)
    before = model.head.fc.weight.clone()
    match = load_weights(model, converted.checkpoint["state_dict"], "kinetics")
    assert len(match.reshaped) == 2
    assert torch.equal(model.head.fc.weight, before)


def images(names: dict[str, tuple]) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {key: torch.rand(shape, generator=generator) for key, shape in names.items()}


def test_googlenet_is_inflated():
    """Its names are written down for one block; every unit of I3D is filled."""

    def flat(name: str) -> str:
        """I3D's name as torchvision's GoogLeNet has it."""
        block, _, rest = name.partition(".")
        if block.startswith("Mixed"):
            unit, _, rest = rest.partition(".")
            number = {"b0": "1", "b1a": "2.0", "b1b": "2.1", "b2a": "3.0", "b2b": "3.1", "b3b": "4.1"}[unit]
            letter = {"b": "a", "c": "b", "d": "c", "e": "d", "f": "e"}[block[-1]]
            block = f"inception{block[-2]}{letter}.branch{number}"
        else:
            block = {"Conv3d_1a_7x7": "conv1", "Conv3d_2b_1x1": "conv2", "Conv3d_2c_3x3": "conv3"}[block]
        return f"{block}.{rest.replace('conv3d', 'conv')}"

    own = I3D(width=0.0625).state_dict()
    state = images({flat(k): (*v.shape[:2], *v.shape[3:]) if v.dim() == 5 else v.shape for k, v in own.items()})
    assert "inception4e.branch2.1.conv.weight" in state
    state.update(images({"fc.weight": (5, 64), "fc.bias": (5,), "aux1.fc1.weight": (3, 3)}))
    result = from_reference({"state_dict": state}, "i3d")
    assert (result.match.missing, result.match.unexpected, result.match.backbone) == ([], [], 1)
    assert result.unused == ["fc.weight", "fc.bias", "aux1.fc1.weight"]
    found = result.checkpoint["state_dict"]
    assert torch.equal(found[f"{PREFIX}Conv3d_1a_7x7.conv3d.weight"], inflate(state["conv1.conv.weight"], 7))
    last = state["inception5b.branch3.1.conv.weight"]
    assert torch.equal(found[f"{PREFIX}Mixed_5c.b2b.conv3d.weight"], inflate(last, 3))
    with pytest.raises(CheckpointError, match="no time axis; give --form piergiaj, hassony2, deepmind"):
        to_reference(result.checkpoint, "i3d")


@pytest.mark.parametrize(("variant", "frames"), [("r3d", 3), ("mc3", 1), (None, 3)])
def test_a_resnet_of_images_is_inflated(variant, frames):
    names = {"conv1.weight": (4, 3, 7, 7), "fc.weight": (5, 32)}
    for i in range(1, 5):
        for j in range(2):
            before, after = (4 * 2 ** max(0, i - 2), 4 * 2 ** (i - 1)) if j == 0 else (4 * 2 ** (i - 1),) * 2
            block, short = f"layer{i}.{j}", before != after
            names.update(
                {f"{block}.conv1.weight": (after, before, 3, 3), f"{block}.conv2.weight": (after, after, 3, 3)}
            )
            for norm in ("bn1", "bn2", *(("downsample.1",) if short else ())):
                names.update({f"{block}.{norm}.{k}": (after,) for k in NORM})
            if short:
                names[f"{block}.downsample.0.weight"] = (after, before, 1, 1)
    names.update({f"bn1.{k}": (4,) for k in NORM})
    state = images(names)
    result = from_reference({"state_dict": state}, "video_resnet", variant=variant)
    assert (result.match.missing, result.match.unexpected, result.unused) == ([], [], ["fc.weight"])
    found = result.checkpoint["state_dict"]
    assert torch.equal(found[f"{PREFIX}layer3.0.conv2.0.weight"], inflate(state["layer3.0.conv2.weight"], frames))
    assert torch.equal(found[f"{PREFIX}layer3.0.conv2.1.bias"], state["layer3.0.bn2.bias"])
    assert torch.equal(
        found[f"{PREFIX}layer2.0.downsample.0.weight"], inflate(state["layer2.0.downsample.0.weight"], 1)
    )


# ---------------------------------------------------------------------------------------------------------------- files


def run(tool: str, monkeypatch, *args) -> None:
    monkeypatch.setattr(sys, "argv", [tool, *map(str, args)])
    runpy.run_path(str(TOOLS / tool), run_name="__main__")


def test_the_tool_takes_arrays_and_gives_them(tmp_path, monkeypatch, capsys):
    model = network("i3d")
    write_checkpoint({"state_dict": model.state_dict()}, tmp_path / "ours.pth")
    run("i3d_to_mmsync.py", monkeypatch, tmp_path / "ours.pth", tmp_path / "tf.npz", "--reverse", "--form", "deepmind")
    with np.load(tmp_path / "tf.npz") as archive:
        assert archive["Mixed_5b/Branch_2/Conv3d_0a_3x3/conv_3d/w"].shape == (3, 3, 3, 2, 8)
        assert not [name for name in archive.files if "gamma" in name or "tracked" in name]
    config = tmp_path / "model.py"
    run("i3d_to_mmsync.py", monkeypatch, tmp_path / "tf.npz", tmp_path / "back.pth", "--dump-config", config)
    printed = capsys.readouterr().out
    assert "I3D, deepmind/kinetics-i3d" in printed
    assert "344 tensors matched, 100% of the backbone" in printed
    assert "25 frames a second" in printed
    assert "type='I3D'" in config.read_text()
    again = network("i3d")
    load_weights(again, read_checkpoint(tmp_path / "back.pth")["state_dict"], "back")
    torch.testing.assert_close(again(clip("i3d")), model(clip("i3d")), rtol=1e-4, atol=1e-5)


def test_a_backbone_starts_from_a_converted_file(tmp_path):
    """As any config says it, in any method."""
    model = network("video_resnet")
    theirs = to_reference({"state_dict": model.state_dict()}, "video_resnet").checkpoint
    write_checkpoint({"state_dict": theirs}, tmp_path / "tv.pth")
    convert_checkpoint(tmp_path / "tv.pth", tmp_path / "ours.pth", "video_resnet")
    start = dict(type="Pretrained", checkpoint=str(tmp_path / "ours.pth"), prefix=PREFIX)
    backbone = VideoResNet(width=0.0625, init_cfg=start)
    backbone.init_weights()
    wanted = model.encoder.backbone.state_dict()
    assert all(torch.equal(value, wanted[key]) for key, value in backbone.state_dict().items())


class TestWrongFiles:
    def test_another_family(self):
        for kind, other in (("i3d", "video_resnet"), ("video_resnet", "i3d")):
            state = to_reference({"state_dict": network(kind).state_dict()}, kind).checkpoint
            with pytest.raises(
                CheckpointError, match=f"a.pth is no checkpoint of .*looks like one of .*mmsync {kind}_to_mmsync"
            ):
                from_reference({"state_dict": state}, other, "a.pth")
            with pytest.raises(CheckpointError, match="has no backbone of"):
                to_reference({"state_dict": network(kind).state_dict()}, other)

    def test_less_than_nine_tenths(self):
        state = to_reference({"state_dict": network("i3d").state_dict()}, "i3d", form="hassony2").checkpoint
        cut = {key: value for key, value in state.items() if not key.startswith(("mixed_5", "mixed_4f"))}
        with pytest.raises(
            CheckpointError,
            match=r"\d\d of the backbone's weights do not fit \(7\d% do\).*nothing was written(.|\n)*Mixed_5c\.b0",
        ):
            from_reference({"state_dict": cut}, "i3d")
        few = {key: value for key, value in state.items() if not key.startswith("mixed_5c.branch_0")}
        match = from_reference({"state_dict": {**few, "extra.weight": torch.zeros(1)}}, "i3d", partial=True)
        assert len(match.match.missing) == 6
        assert match.unused == ["extra.weight"]

    def test_files_that_cannot_be_read(self, tmp_path):
        for name, message in (("model.ckpt.index", "numpy.savez"), ("none.npz", "no such file")):
            with pytest.raises(CheckpointError, match=message):
                read_weights(tmp_path / name)
        (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 not an archive")
        with pytest.raises(CheckpointError, match="damaged"):
            read_weights(tmp_path / "bad.npz")
        np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object))
        with pytest.raises(CheckpointError, match="Python objects"):
            read_weights(tmp_path / "objects.npz")
        write_checkpoint({"state_dict": network("i3d").state_dict()}, tmp_path / "ours.pth")
        with pytest.raises(CheckpointError, match="torch files"):
            convert_checkpoint(tmp_path / "ours.pth", tmp_path / "x.npz", "i3d")
        assert not (tmp_path / "x.npz").exists()
