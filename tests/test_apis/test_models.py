"""Models by name, and the file of weights that is made of a checkpoint."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmsync import fileio
from mmsync.apis import get_model, init_model, list_models
from mmsync.config import check, load
from mmsync.config.inputs import input_record
from mmsync.config.text import config_text
from mmsync.engine.checkpoint import read_checkpoint, write_checkpoint
from mmsync.errors import CheckpointError, ConfigError, DataError
from mmsync.ops.body_frame import body_frame
from mmsync.structures import View
from mmsync.version import __version__
from mmsync.worlds.programs import MotionPrograms

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs/simclr/simclr_stgcn_synthetic.py"
SHIPPED = ROOT / "mmsync/weights/motion_s.pth"
CARD = ROOT / "docs/motion_s.md"


@pytest.fixture(scope="module")
def publisher():
    spec = importlib.util.spec_from_file_location("publish_model", ROOT / "tools/misc/publish_model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint as training writes it, of a small encoder with random weights, and its model."""
    torch.manual_seed(0)
    options = {"model.encoder.backbone.channels": [8, 16], "model.encoder.backbone.strides": [1, 2]}
    model = init_model(CONFIG, cfg_options={**options, "model.encoder.projector.out_channels": 8})
    for buffer in model.buffers():
        if buffer.is_floating_point() and buffer.dim() == 1:
            buffer.copy_(torch.rand_like(buffer) + 1e5)  # beyond half precision
    meta = dict(cfg=config_text(model.cfg), seed=3, epoch=1, iter=12, mmsync_version=__version__, format=1, time="now")
    meta.update(input=input_record(model.cfg), folds=[], dataset_meta={"classes": ["a"]})
    path = tmp_path_factory.mktemp("run") / "iter_12.pth"
    write_checkpoint(dict(meta=meta, state_dict=model.state_dict(), optimizer={"state": {}}, rng=[]), path)
    return path, model


@pytest.fixture
def shipped(publisher, checkpoint, tmp_path, monkeypatch):
    """A package that ships the weights ``toy-s`` of that checkpoint."""
    monkeypatch.setattr(fileio, "WEIGHTS", tmp_path / "weights")
    monkeypatch.setattr(fileio, "CONFIGS", tmp_path / "no_checkout")
    out = tmp_path / "weights/toy_s.pth"
    publisher.main(publisher.parse_args([str(checkpoint[0]), str(out), "--no-checksum"]))
    return out


def test_a_published_file_holds_the_encoder_and_its_training(publisher, checkpoint, shipped, tmp_path, capsys):
    content, model = torch.load(shipped, weights_only=True), checkpoint[1]
    assert set(content) == {"meta", "state_dict"}
    assert set(content["state_dict"]) == {name for name in model.state_dict() if name.startswith("encoder.")}
    for name, value in model.state_dict().items():
        if name.startswith("encoder."):
            found = content["state_dict"][name]
            assert found.dtype == (torch.half if name in dict(model.named_parameters()) else value.dtype), name
            torch.testing.assert_close(found.to(value), value, rtol=1e-3, atol=1e-6)
    meta = content["meta"]
    assert (meta["seed"], meta["iter"], meta["mmsync_version"]) == (3, 12, __version__)
    assert meta["source_sha256"] == hashlib.sha256(checkpoint[0].read_bytes()).hexdigest()
    assert "time" not in meta
    # the same bytes under another name, and smaller without the projector
    again, small = tmp_path / "again.pth", tmp_path / "small.pth"
    publisher.main(publisher.parse_args([str(checkpoint[0]), str(again), "--no-checksum"]))
    assert again.read_bytes() == shipped.read_bytes()
    assert hashlib.sha256(again.read_bytes()).hexdigest() in capsys.readouterr().out
    publisher.main(publisher.parse_args([str(checkpoint[0]), str(small), "--no-projector", "--no-checksum"]))
    names = set(torch.load(small, weights_only=True)["state_dict"])
    assert names == {name for name in content["state_dict"] if not name.startswith("encoder.projector.")}


def test_a_model_by_name_has_the_weights(checkpoint, shipped):
    model = get_model("toy-s", pretrained=True)
    assert not model.training
    clips = torch.randn(2, 1, 16, 25, 3)
    expected, found = (
        m.extract_feat(m.data_preprocessor(dict(inputs=clips))["inputs"]) for m in (checkpoint[1], model)
    )
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)
    other = get_model("toy-s")
    same = [torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters()) if a.dim() > 1]
    assert not all(same)
    assert "toy-s" in list_models()


def test_names_are_those_of_configs():
    assert "simclr_stgcn_synthetic" in list_models()
    assert list_models("simclr_stgcn_s*") == ["simclr_stgcn_synthetic"]
    assert not list_models("synthetic")  # of _base_
    assert type(get_model("simclr_stgcn_synthetic")).__name__ == "SimCLR"
    with pytest.raises(ConfigError, match=r"simclr_stgcn_synthetik.*simclr_stgcn_synthetic"):
        get_model("simclr_stgcn_synthetik")
    with pytest.raises(CheckpointError, match="not of simclr_stgcn_synthetic"):
        get_model("simclr_stgcn_synthetic", pretrained=True)


def test_shipped_weights_are_named_where_files_are(shipped, tmp_path, monkeypatch):
    assert read_checkpoint("toy-s")["meta"]["iter"] == 12
    cfg = load(CONFIG, {"load_from": "toy-s"})
    check(cfg, files=True)
    cfg.load_from = "toy-l"
    with pytest.raises(ConfigError, match="toy-l does not exist"):
        check(cfg, files=True)
    # a file comes first
    monkeypatch.chdir(tmp_path)
    Path("toy-s").write_text("a note")
    with pytest.raises(CheckpointError, match="text file"):
        read_checkpoint("toy-s")


def test_a_card_gets_the_table(publisher, checkpoint, tmp_path):
    out, card = tmp_path / "toy.pth", tmp_path / "card.md"
    card.write_text(f"# Toy\n\n{publisher.BEGIN}\nold\n{publisher.END}\n\nmore\n")
    args = publisher.parse_args([str(checkpoint[0]), str(out), "--card", str(card), "--no-checksum"])
    publisher.main(args)
    text = card.read_text()
    assert hashlib.sha256(out.read_bytes()).hexdigest() in text
    assert "old" not in text
    assert text.endswith("\n\nmore\n")
    card.write_text("# Toy\n")
    with pytest.raises(DataError, match="lacks the lines"):
        publisher.main(args)


@pytest.mark.skipif(not SHIPPED.exists(), reason="the weights of motion-s are not made yet")
def test_the_shipped_weights_are_those_of_their_card():
    assert SHIPPED.stat().st_size <= 12e6
    assert hashlib.sha256(SHIPPED.read_bytes()).hexdigest() in CARD.read_text(encoding="utf-8")
    content = torch.load(SHIPPED, weights_only=True)
    assert all(torch.isfinite(value).all() for value in content["state_dict"].values())
    model = get_model("motion-s", pretrained=True)
    clips = torch.randn(2, 1, 30, model.data_preprocessor.layout.num_joints, 3)
    features = model.extract_feat(model.data_preprocessor(dict(inputs=clips))["inputs"])
    assert torch.isfinite(features).all()
    options = {"model.data_preprocessor.layout": "jhmdb15", "model.data_preprocessor.num_coords": 2}
    other = get_model("motion-s", pretrained=True, cfg_options=options)
    assert other.extract_feat(other.data_preprocessor(dict(inputs=clips[..., :15, :2]))["inputs"]).shape == (2, 3840)


@pytest.mark.skipif(not SHIPPED.exists(), reason="the weights of motion-s are not made yet")
def test_motion_s_keeps_side_and_direction():
    """A clip is nearer to another recording of its program than to one of the mirrored or reversed program."""
    model, generator = get_model("motion-s", pretrained=True), torch.Generator().manual_seed(5)
    programs = MotionPrograms.draw(300, generator)

    def features() -> torch.Tensor:
        clips, present, _ = body_frame(programs.render(generator)[:, None], torch.eye(20))
        return torch.nn.functional.normalize(model.extract_feat({"clip": View(clips, present)}), dim=1)

    with torch.no_grad():
        first, second = features(), features()
        assert ((first @ second.T).argmax(1) == torch.arange(300)).float().mean() > 0.8
        for change in ("mirrored", "reverse"):
            kept = getattr(programs, change)
            setattr(programs, change, ~kept)
            other = features()
            setattr(programs, change, kept)
            assert ((first * other).sum(1) < (first * second).sum(1)).float().mean() > 0.8, change


def test_the_package_takes_the_weights_along():
    options = re.search(r"\[options.package_data\]\n(.*?)\n\n", (ROOT / "setup.cfg").read_text(), re.DOTALL)[1]
    assert "weights/*.pth" in options
    assert isinstance(load(CONFIG), Config)


def test_a_published_name_has_the_checksum_and_is_loaded_by_it(publisher, checkpoint, tmp_path, capsys):
    publisher.main(publisher.parse_args([str(checkpoint[0]), str(tmp_path / "out/toy")]))
    (path,) = (tmp_path / "out").iterdir()
    assert path.name == f"toy-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth"
    assert str(path) in capsys.readouterr().out
    options = {"model.encoder.backbone.channels": [8, 16], "model.encoder.backbone.strides": [1, 2]}
    options["model.encoder.projector.out_channels"] = 8
    model = get_model("simclr_stgcn_synthetic", pretrained=path.as_uri(), cfg_options=options)
    weights = dict(checkpoint[1].named_parameters())
    for name, value in model.named_parameters():
        torch.testing.assert_close(value, weights[name], rtol=1e-3, atol=1e-6)
    path = path.rename(path.with_name("toy-12345678.pth"))
    with pytest.raises(CheckpointError, match="its name promises 12345678"):
        get_model("simclr_stgcn_synthetic", pretrained=path, cfg_options=options)
