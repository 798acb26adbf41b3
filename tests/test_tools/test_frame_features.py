"""frame_features encodes every frame of every video, resumes, and names what it leaves out."""

from __future__ import annotations

import json
import sys
import types

import cv2
import numpy as np
import pytest
import torch
from run_tool import run_tool
from torch import nn

from mmsync.apis.frame_backbones import frame_backbone
from mmsync.converters.frame_features import FrameEncoder, write_frame_features
from mmsync.datasets.sources import LAVSource
from mmsync.errors import CheckpointError, ConfigError, DataError, DependencyError
from mmsync.media import numbered_pictures, read_numbers, write_video
from mmsync.media.whole import every_picture
from mmsync.store.frame_features import feature_file


@pytest.fixture
def run(capsys):
    def run(*args):
        return run_tool("dataset_converters/frame_features.py", *args), capsys.readouterr().out

    return run


@pytest.fixture
def videos(tmp_path):
    for name, length in (("a", 5), ("b", 9)):
        (tmp_path / "videos" / name).mkdir(parents=True)
        write_video(tmp_path / "videos" / name / "v.mp4", numbered_pictures(np.arange(length)))
    return tmp_path / "videos"


def color_grid(pictures, size):
    """By a loop over cells."""
    mean, std, cell = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]), size // 8
    out = []
    for picture in pictures:
        small = (cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA) / 255 - mean) / std
        grid = [
            small[i : i + cell, j : j + cell].mean((0, 1)) for i in range(0, size, cell) for j in range(0, size, cell)
        ]
        out.append(np.stack(grid).T.ravel())
    return np.stack(out)


def test_every_picture_of_a_video_is_read_once(videos):
    assert read_numbers(np.stack(list(every_picture(videos / "b/v.mp4")))).tolist() == list(range(9))


@pytest.mark.parametrize("batch", [1, 4, 64])
def test_features_are_those_of_a_loop_whatever_the_batch(batch):
    pictures = np.random.default_rng(0).integers(0, 256, (9, 48, 64, 3), dtype=np.uint8)
    found = FrameEncoder(frame_backbone("color_grid"), size=32, batch=batch)(pictures)
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, color_grid(pictures, 32), atol=5e-3)


def test_folder_of_videos(run, videos, tmp_path):
    code, printed = run(tmp_path / "out", "--videos", videos, "--size", 32, "--batch", 4)
    assert code == 0, printed
    assert "features of 2 videos" in printed
    for name, length in (("a", 5), ("b", 9)):
        assert np.load(tmp_path / "out" / name / "v.npy").shape == (length, 192)


def test_a_run_resumes_and_leaves_finished_files_alone(run, videos, tmp_path):
    out = tmp_path / "out"
    run(out, "--videos", videos, "--size", 32)
    whole = (out / "a/v.npy").read_bytes()
    np.save(out / "b/v.npy", np.full((1, 1), 7.0))  # complete, hence kept
    (out / "a/v.npy").write_bytes(whole[:-3])  # not complete
    code, _ = run(out, "--videos", videos, "--size", 32)
    assert code == 0
    assert (out / "a/v.npy").read_bytes() == whole
    assert np.load(out / "b/v.npy").tolist() == [[7.0]]
    code, printed = run(out, "--videos", videos, "--size", 64)
    assert code == 1
    assert "has features made with" in printed
    code, _ = run(out, "--videos", videos, "--size", 64, "--overwrite")
    assert code == 0
    assert np.load(out / "b/v.npy").shape == (9, 192)
    assert json.loads((out / "frame_features.json").read_text())["size"] == 64


def test_failures_are_counted_and_named(run, videos, tmp_path):
    (videos / "a/v.mp4").write_bytes(b"no video")
    code, printed = run(tmp_path / "out", "--videos", videos, "--size", 32)
    assert code == 0
    assert "left out: 1 videos" in printed
    assert "a/v.mp4: cannot be opened" in (tmp_path / "out/left_out.txt").read_text()
    assert not (tmp_path / "out/a/v.npy").exists()
    write_video(videos / "a/v.mp4", numbered_pictures(np.arange(5)))
    run(tmp_path / "out", "--videos", videos, "--size", 32)
    assert (tmp_path / "out/a/v.npy").exists()
    assert not (tmp_path / "out/left_out.txt").exists()
    (videos / "b/v.mp4").unlink()
    (videos / "a/v.mp4").write_bytes(b"no video")
    code, printed = run(tmp_path / "other", "--videos", videos)
    assert code == 1
    assert "none of the 1 videos" in printed


def test_pictures_of_a_source_become_its_features(run, tmp_path):
    folder = tmp_path / "milk/train/a"
    folder.mkdir(parents=True)
    for i, picture in enumerate(numbered_pictures(np.arange(6))):
        cv2.imwrite(str(folder / f"{i:03}.jpg"), picture[..., ::-1])
    code, printed = run(tmp_path / "out", "--size", 32, "--source", "type=LAVSource", f"data_root={tmp_path / 'milk'}")
    assert code == 0, printed
    source = LAVSource(tmp_path / "milk", features=tmp_path / "out")
    assert source.load(0).shape == (6, 192)
    code, printed = run(tmp_path / "o", "--source", "type=SyntheticSource", "num_clips=[2,1]", "cache=False")
    assert code == 1
    assert "SyntheticSource has no pictures" in printed


def test_own_factory_with_weights(tmp_path, monkeypatch):
    text = """
import torch
def net():
    return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 2))
def map_of_pixels():
    return torch.nn.Conv2d(3, 2, 1)
number = int
"""
    (tmp_path / "own_backbones.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    network = frame_backbone("own_backbones:net")
    torch.save(network.state_dict(), tmp_path / "w.pth")
    again = frame_backbone("own_backbones:net", tmp_path / "w.pth")
    images = torch.randn(4, 3, 8, 8)
    torch.testing.assert_close(again(images), network(images))
    torch.save({"x": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="does not match own_backbones:net"):
        frame_backbone("own_backbones:net", tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="no such file"):
        frame_backbone("own_backbones:net", tmp_path / "none.pth")
    with pytest.raises(ConfigError, match=r"to \(2, 2, 8, 8\); wanted \(N, D\)"):
        FrameEncoder(frame_backbone("own_backbones:map_of_pixels"), 8)(np.zeros((2, 9, 9, 3), np.uint8))
    for name, message in (("own_backbones:number", "gives a int"), ("own_backbones:x", "AttributeError")):
        with pytest.raises(ConfigError, match=message):
            frame_backbone(name)


@pytest.mark.parametrize("name", ["", "color", "timm:", "no_such_module:net"])
def test_unknown_backbones_are_refused(name):
    with pytest.raises(ConfigError, match="--backbone"):
        frame_backbone(name)


def test_timm_is_asked_for_features_with_the_given_weights(tmp_path, monkeypatch):
    calls = []

    def create_model(name, **options):
        calls.append((name, options))
        if name == "resnet" and "img_size" in options:
            raise TypeError("img_size")
        if name == "unknown":
            raise RuntimeError("Unknown model")
        return nn.Identity()

    monkeypatch.setitem(sys.modules, "timm", types.SimpleNamespace(create_model=create_model))
    torch.save({}, tmp_path / "w.pth")
    frame_backbone("timm:vit", tmp_path / "w.pth", 224)
    overlay = {"file": str(tmp_path / "w.pth")}
    assert calls == [("vit", dict(img_size=224, pretrained=True, num_classes=0, pretrained_cfg_overlay=overlay))]
    frame_backbone("timm:resnet")
    assert calls[-1] == ("resnet", dict(pretrained=True, num_classes=0))
    with pytest.raises(ConfigError, match="Unknown model"):
        frame_backbone("timm:unknown")
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(DependencyError, match="pip install timm"):
        frame_backbone("timm:vit")


def test_features_beyond_float16_are_refused(tmp_path):
    class Large(nn.Module):
        def forward(self, images):
            return images.flatten(1) * 1e6 + 1e6

    pictures = np.full((2, 8, 8, 3), 255, np.uint8)
    with pytest.raises(DataError, match="none of the 1 videos can be used; the first: v: features are not finite"):
        write_frame_features({"v": lambda: pictures}, tmp_path, FrameEncoder(Large(), 8), {})
    with pytest.raises(DataError, match="there are no pictures"):
        FrameEncoder(Large(), 8)([])


@pytest.mark.parametrize("name", ["", "../x", "a/../../x", "/x", "a\\..\\x"])
def test_names_cannot_leave_the_folder(tmp_path, name):
    with pytest.raises(DataError, match="no name of a video"):
        feature_file(tmp_path, name)
