"""SyncNet: its parameters, published names both ways, windows of MFCC, and offsets of a real file."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mmsync.apis.sync import video_offset, window_settings
from mmsync.config import load
from mmsync.errors import CheckpointError, ConfigError, DataError
from mmsync.interop.convert import from_reference, to_reference
from mmsync.media import write_video
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.ops.sound import mfcc
from mmsync.registry import MODELS
from mmsync.structures import View
from mmsync.views.audio import MFCC

SMALL = dict(out_channels=8, width=0.0625)


def tower(kind: str, **more) -> dict:
    return dict(type="Encoder", backbone=dict(type=kind, **SMALL, **more))


def small() -> torch.nn.Module:
    torch.manual_seed(0)
    return MODELS.build(dict(type="SyncNet", video=tower("SyncNetLip"), audio=tower("SyncNetAudio")))


def test_layers_have_the_published_shapes_and_number_of_parameters():
    with torch.device("meta"):
        model = MODELS.build(dict(type="SyncNet")).eval()
        assert sum(p.numel() for p in model.parameters()) == 13_631_616
        found = {}
        for name, x in (("video", torch.empty(1, 3, 5, 224, 224)), ("audio", torch.empty(1, 1, 13, 20))):
            sizes = []
            for layer in getattr(model, name).backbone.cnn:
                x = layer(x)
                if "Pool" in type(layer).__name__ or "Conv" in type(layer).__name__:
                    sizes.append(tuple(x.shape[2:]))
            found[name] = sizes
    assert [size[-1] for size in found["video"]] == [109, 54, 26, 13, 13, 13, 13, 6, 1]
    assert {size[0] for size in found["video"]} == {1}
    assert found["audio"][1:] == [(13, 20), (13, 20), (11, 9), (11, 9), (11, 9), (11, 9), (5, 4), (1, 1)]


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_published_names_go_both_ways(data_root, counted, prefix):
    """Older files have no counters of batches."""
    file = data_root.parent / "specs" / "keys" / "syncnet_python_S.json"
    if not file.is_file():
        pytest.skip(f"names of published checkpoints: no {file}")
    published = json.loads(file.read_text())["keys"]
    state = {}
    for i, (key, (shape, dtype)) in enumerate(published.items()):
        if counted or "num_batches" not in key:
            state[prefix + key] = torch.tensor(i).to(getattr(torch, dtype)).expand(shape)
    result = from_reference({"state_dict": state}, "syncnet", "syncnet_v2.model")
    assert (result.match.missing, result.match.unexpected, result.match.reshaped, result.unused) == ([], [], [], [])
    assert result.match.backbone == 1
    found = result.checkpoint["state_dict"]
    pairs = {"netcnnlip": "video.backbone.cnn", "netfclip": "video.backbone.fc"}
    pairs.update(netcnnaud="audio.backbone.cnn", netfcaud="audio.backbone.fc")
    for key, value in state.items():
        head, rest = key[len(prefix) :].split(".", 1)
        assert torch.equal(found[f"{pairs[head]}.{rest}"], value), key
    back = to_reference(result.checkpoint, "syncnet").checkpoint
    assert set(back) == set(state)
    assert all(torch.equal(back[key], value) for key, value in state.items())


def test_a_trained_model_becomes_a_published_file_and_comes_back():
    model = small()
    for module in model.modules():
        if isinstance(module, BatchNorm):
            module.running_mean.normal_()
    out = to_reference({"state_dict": model.state_dict()}, "syncnet").checkpoint
    assert {key.split(".")[0] for key in out} == {"netcnnlip", "netfclip", "netcnnaud", "netfcaud"}
    back = from_reference({"state_dict": out}, "syncnet")
    assert {**model.state_dict()}.keys() == back.checkpoint["state_dict"].keys()
    again = MODELS.build(back.model)
    again.load_state_dict(back.checkpoint["state_dict"])
    assert back.model["audio"]["backbone"]["out_channels"] == 8
    with pytest.raises(CheckpointError, match=r"looks like one of .*mmsync syncnet_to_mmsync"):
        from_reference({"state_dict": out}, "i3d", "a.pth")


def test_pictures_enter_as_bgr_from_0_to_255():
    backbone = small().video.backbone.eval()
    seen = []
    backbone.cnn[0].register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    pictures = torch.randint(0, 256, (1, 3, 5, 224, 224)).float()
    backbone(View(pictures * 2 / 255 - 1))
    torch.testing.assert_close(seen[0], pictures.flip(1), atol=1e-3, rtol=0)


def test_a_window_has_20_frames_which_are_those_of_the_whole_file():
    """Frame 4 i of the file begins with picture i; the first one differs, as it knows no sample before the window."""
    sound = torch.randn(1, 1, 16000, generator=torch.Generator().manual_seed(0)) / 10
    cfg = load("configs/syncnet/syncnet_lip.py")
    settings = cfg.train_dataloader.dataset
    count = round(settings.duration * settings.rate)
    whole = mfcc(sound)
    for picture in (0, 3, 10):
        part = MFCC()(sound[..., 640 * picture : 640 * picture + count])
        assert part.shape == (1, 1, 13, 20)
        wanted = whole[..., 4 * picture : 4 * picture + 20]
        torch.testing.assert_close(part[..., 1:], wanted[..., 1:], rtol=1e-4, atol=1e-3)


def with_settings(model, **more):
    window = dict(frames=5, fps=25.0, size=224, duration=0.215, rate=16000)
    model.cfg = dict(train_dataloader=dict(dataset=dict(type="AudioVisualDataset", **{**window, **more})))
    return model


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    pictures = np.random.default_rng(0).integers(0, 255, (75, 48, 48, 3), np.uint8)
    sound = np.random.default_rng(1).standard_normal(48000).astype(np.float32) / 10
    return write_video(tmp_path_factory.mktemp("noise") / "noise.mp4", pictures, 25, sound=sound)


def test_offsets_of_a_file(video):
    config = load("configs/syncnet/syncnet_lip.py").model.to_dict()
    config.update(video=tower("SyncNetLip"), audio=tower("SyncNetAudio"))
    torch.manual_seed(0)
    model = with_settings(MODELS.build(config)).eval()
    found = video_offset(model, video, reach=3)
    assert found.curve.shape == (7,)
    assert np.isfinite(found.curve.numpy()).all()
    assert abs(found.offset) <= 3
    assert window_settings(model)["offset_rate"] == 25
    with pytest.raises(DataError, match=r"noise.mp4: \d+ windows of 0.215 s, .* too few for offsets up to 90"):
        video_offset(model, video, reach=90)
    with pytest.raises(ConfigError, match="offsets need AVTS, SyncNet or GDT"):
        video_offset(small(), video)
