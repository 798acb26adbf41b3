"""L3-Net, the multisensory network and T-CAM: published counts and layer tables, losses by plain formulas, maps."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from mmsync.config import load
from mmsync.errors import ConfigError, DataError
from mmsync.models.backbones import AudioVGG, FlowVGG, FrameVGG, MultisensoryStem, WaveformNet
from mmsync.models.methods import ArrowOfTime, L3Net, Multisensory, PlaybackDirection
from mmsync.models.modules.multisensory import EarlyFusion
from mmsync.models.necks import MaxPool
from mmsync.registry import MODELS
from mmsync.structures import MotionSample, View

ROOT = Path(__file__).parents[2]


def trainable(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def encoder(type: str, pool: str = "MeanPool", **options) -> dict:
    return dict(type="Encoder", backbone=dict(type=type, **options), pool=dict(type=pool))


def samples(labels: list[int]) -> list[MotionSample]:
    return [MotionSample.quick(0, {"positive": label}) for label in labels]


def l3net(widths=(64, 128, 256, 512)) -> L3Net:
    return L3Net(encoder("FrameVGG", "MaxPool", widths=widths), encoder("AudioVGG", "MaxPool", widths=widths))


def multisensory(width: int = 64, **options) -> Multisensory:
    share = 64 // width
    fusion = [n // share for n in (128, 512, 128, 128, 256, 512)]
    sound = [n // share for n in (64, 128, 128, 256)]
    video = encoder("MultisensoryStem", width=width)
    return Multisensory(video, encoder("WaveformNet", widths=sound), fusion, **options)


def tcam(segments: int = 2, width: float = 0.0625, hidden: int = 8) -> ArrowOfTime:
    torch.manual_seed(0)
    return ArrowOfTime(encoder("FlowVGG", frames=3, width=width), segments, hidden)


def logits_apart(model: nn.Module) -> None:
    """Logits of random weights are alike; these tell samples apart, so that a wrong order is seen."""
    for p in model.classifier.parameters():
        nn.init.normal_(p, std=2.0)


def test_l3net_is_the_published_one():
    model = l3net()
    assert [trainable(part) for part in (model.video, model.audio, model.fusion)] == [4_689_216, 4_688_064, 131_458]
    assert trainable(model) == 9_508_738
    with torch.no_grad():
        assert FrameVGG().eval().forward_rows(torch.zeros(1, 3, 1, 224, 224)).shape == (1, 512, 1, 28, 28)
        assert AudioVGG().eval().forward_rows(torch.zeros(1, 1, 257, 199)).shape == (1, 512, 32, 24)


def test_features_of_l3net_for_probes_are_maxima_of_four_by_three_cells():
    config = load(ROOT / "configs/_base_/models/l3net.py", complete=False).model.audio
    config.backbone.widths = [2, 4, 8, 16]
    audio = MODELS.build(config).eval()
    feature = audio.forward_map(View(torch.randn(2, 1, 257, 199)))
    found = audio.extract_map(feature)
    assert found.shape == (2, 16 * 4 * 3)
    cells = feature.data.unflatten(3, (3, 8)).unflatten(2, (4, 8)).amax((3, 5))  # of the map (2, 16, 32, 24)
    torch.testing.assert_close(found.view(2, 16, 3, 4), cells.transpose(2, 3))
    assert audio.forward(View(torch.randn(2, 1, 257, 199))).shape == (2, 16)
    with pytest.raises(DataError, match=r"one axis of space; its axes are 'DTHW'"):
        audio.probe_neck(feature._replace(data=feature.data[:, :, None], axes="DTHW"))
    with pytest.raises(ConfigError, match="give cells of frames and of space"):
        MaxPool(cells=(0, 4))


def test_l3net_loss_is_two_class_cross_entropy_with_the_match_as_class_one():
    torch.manual_seed(0)
    model = l3net((4, 8)).eval()
    views = {"video": View(torch.randn(6, 3, 1, 16, 16)), "audio": View(torch.randn(6, 1, 12, 10))}
    labels = [1, 0, 0, 1, 1, 0]
    towers = [
        model.video.backbone(views["video"]).data.amax((2, 3, 4)),
        model.audio.backbone(views["audio"]).data.amax((2, 3)),
    ]  # fmt: skip
    p = model.fusion(torch.cat(towers, 1)).softmax(1)
    naive = -torch.stack([p[i, label].log() for i, label in enumerate(labels)]).mean()
    torch.testing.assert_close(model.loss(views, samples(labels))["loss_correspondence"], naive)
    found = model.predictions(views)
    torch.testing.assert_close(found["distance"], (p[:, 0] / p[:, 1]).log(), rtol=1e-4, atol=1e-5)
    assert found["feature"].shape == found["feature_audio"].shape == (6, 8)


def test_multisensory_has_the_published_layers():
    model = multisensory()
    parts = (model.audio, model.fusion.sound, model.video, model.fusion.trunk)
    counts = [trainable(part) / 1e6 for part in parts]
    assert counts == pytest.approx([2.39, 0.10, 0.49, 32.9], abs=0.05)
    merge = trainable(model.fusion.hidden) + trainable(model.fusion.merge) + trainable(model.fusion.norm)
    assert merge / 1e6 == pytest.approx(0.16, abs=0.01)
    assert trainable(model) / 1e6 == pytest.approx(36.04, abs=0.01)
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert all(m.eps == 1e-3 and not m.weight.requires_grad and m.bias.requires_grad for m in norms)


def test_multisensory_shapes_are_those_of_the_table():
    shapes: dict[str, tuple] = {}

    def note(name: str):
        return lambda module, inputs, output: shapes.update({name: tuple(output.shape[2:])})

    sound, stem = WaveformNet(widths=(2, 2, 2, 2)).eval(), MultisensoryStem(width=2).eval()
    sound.conv.register_forward_hook(note("conv"))
    for i, block in enumerate(sound.blocks):
        block.register_forward_hook(note(f"block {i}"))
    stem.conv.register_forward_hook(note("stem"))
    for i, block in enumerate(stem.blocks):
        block.register_forward_hook(note(f"res {i}"))
    with torch.no_grad():
        audio = sound.forward_rows(torch.zeros(1, 2, 87588))
        video = stem.forward_rows(torch.zeros(1, 3, 125, 224, 224))
    assert [shapes[k][0] for k in ("conv", "block 0", "block 1", "block 2")] == [21897, 1369, 343, 86]
    assert [shapes[k] for k in ("stem", "res 0", "res 1")] == [(63, 112, 112), (63, 56, 56), (32, 28, 28)]
    for strides, side in (((1, 2, 2), 7), ((1, 2, 1), 14)):
        fusion = EarlyFusion(2, 2, (2, 4, 2, 2, 2, 2), strides).eval()
        with torch.no_grad():
            assert fusion(video, audio).shape == (1, 2, 16, side, side)


def multisensory_views() -> dict[str, View]:
    torch.manual_seed(0)
    video = View(torch.randn(3, 3, 8, 32, 32))
    return {"video": video, **{name: View(torch.randn(3, 2, 4096)) for name in ("audio", "contrast")}}


def test_multisensory_loss_holds_both_sounds_of_each_clip():
    views, model = multisensory_views(), multisensory(8).eval()
    logits_apart(model)
    aligned = -model.predictions({"video": views["video"], "audio": views["audio"]})["distance"]
    shifted = -model.predictions({"video": views["video"], "audio": views["contrast"]})["distance"]
    naive = -torch.cat([aligned.sigmoid().log(), (1 - shifted.sigmoid()).log()]).mean()
    torch.testing.assert_close(model.loss(views)["loss_alignment"], naive, rtol=1e-4, atol=1e-5)


def test_maps_of_sound_average_to_the_logit():
    views, model = multisensory_views(), multisensory(8, strides=(1, 1, 1)).eval()
    logits_apart(model)
    maps, found = model.sound_maps(views), model.predictions(views)
    assert maps.shape == (3, 1, 4, 4)
    torch.testing.assert_close(maps.mean((1, 2, 3)), -found["distance"])
    size = maps.abs().mean(1)
    for y, x in ((0, 0), (1, 2), (3, 1)):  # means over 3 x 3 places, fewer at the edges
        around = size[:, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].mean((1, 2))
        torch.testing.assert_close(found["sound_map"][:, y, x], around)


def test_multisensory_starts_without_the_noise_of_sound():
    """A new network's loss is that of guessing: else it learns first to ignore the sound, and nothing after that."""
    torch.manual_seed(0)
    losses = [multisensory(8).loss(multisensory_views())["loss_alignment"].item() for _ in range(3)]
    assert losses == pytest.approx([math.log(2)] * 3, abs=1e-2)


def test_places_of_a_trunk_of_reach_one_see_themselves():
    fusion = EarlyFusion(4, 4, (4, 8, 4, 4, 4, 4), (1, 1, 1), reach=1).eval()
    video, audio = torch.randn(1, 4, 8, 3, 3), torch.randn(1, 4, 32)
    other = video.clone()
    other[..., 1, 2] += 9
    different = (fusion(video, audio) - fusion(other, audio)).abs().amax((0, 1, 2)) > 0
    assert different.nonzero().tolist() == [[1, 2]]


def test_sound_joins_at_its_time():
    """A change of the sound's end changes the last steps of what the trunk gets, not the first."""
    fusion = EarlyFusion(4, 4, (4, 8, 4, 4, 4, 4)).eval()
    got = []
    fusion.trunk = nn.Identity()
    video, audio = torch.randn(1, 4, 8, 2, 2), torch.randn(1, 4, 32)
    for end in (0.0, 9.0):
        audio = torch.cat([audio[..., :28], torch.full((1, 4, 4), end)], 2)
        got.append(fusion(video, audio))
    different = (got[0] - got[1]).abs().amax((0, 1, 3, 4)) > 0
    assert different.tolist() == [False] * 6 + [True] * 2


def test_tcam_is_the_published_one():
    model = ArrowOfTime(encoder("FlowVGG"))
    assert trainable(model.encoder) == 14_732_928
    assert trainable(model) == 33_614_465
    with torch.no_grad():
        assert FlowVGG(width=0.0625).eval().forward_rows(torch.zeros(1, 2, 10, 224, 224)).shape == (1, 32, 1, 14, 14)


def test_flow_vgg_takes_x_and_y_in_turn():
    net = FlowVGG(frames=3, width=0.0625).eval()
    x = torch.randn(2, 2, 3, 16, 16)
    interleaved = torch.stack([x[:, axis, t] for t in range(3) for axis in range(2)], 1)
    torch.testing.assert_close(net.forward_rows(x).squeeze(2), net.layers(interleaved))
    with pytest.raises(DataError, match="4 steps are no whole number of frames=3"):
        net.forward_rows(torch.zeros(1, 2, 4, 16, 16))


def test_arrow_loss_and_maps_by_plain_formulas():
    model = tcam().eval()
    logits_apart(model)
    view = View(torch.randn(4, 2, 2, 3, 32, 32))
    labels = [1, 0, 1, 0]
    segments = [model.encoder.backbone(View(view.data[:, k])).data.squeeze(2) for k in range(2)]
    fused = model.fusion(torch.cat(segments, 1))
    logits = model.classifier(fused.mean((2, 3))).squeeze(1)
    p = logits.sigmoid()
    naive = -torch.stack([(p[i] if label else 1 - p[i]).log() for i, label in enumerate(labels)]).mean()
    torch.testing.assert_close(model.loss({"video": view}, samples(labels))["loss_direction"], naive)
    maps = model.direction_maps({"video": view})
    assert maps.shape == (4, 2, 2)
    torch.testing.assert_close(maps.mean((1, 2)), logits)
    torch.testing.assert_close(model.predictions({"video": view})["distance"], -logits)


def test_more_segments_are_concatenated():
    model = tcam(segments=3)
    assert model.fusion[0].in_channels == 3 * 32
    assert model.direction_maps({"video": View(torch.randn(2, 3, 2, 3, 16, 16))}).shape == (2, 1, 1)


def test_arrow_names_samples_without_direction():
    with pytest.raises(DataError, match=r"positive.*ArrowDataset"):
        tcam().loss({"video": View(torch.randn(2, 2, 2, 3, 16, 16))}, [MotionSample.quick(0, {})] * 2)


def playback() -> PlaybackDirection:
    torch.manual_seed(0)
    graph = dict(type="STGCN", channels=[6, 8], strides=[1, 2], temporal_kernel=3, dropout=0.0)
    return PlaybackDirection(dict(type="Encoder", backbone=graph))


def test_playback_loss_and_predictions_by_plain_formulas():
    model = playback().eval()
    logits_apart(model)
    x = torch.randn(3, 1, 8, 25, 3)
    back = x.flip(2)
    forward, backward = (model.classifier(model.encoder(View(d))).squeeze(1) for d in (x, back))
    naive = -torch.cat([(1 - forward.sigmoid()).log(), backward.sigmoid().log()]).mean()
    loss = model.loss({"forward": View(x), "backward": View(back)})["loss_direction"]
    torch.testing.assert_close(loss, naive, rtol=1e-4, atol=1e-5)
    found = model.predictions({"clip": View(x)})["backward"]
    torch.testing.assert_close(found, torch.stack([forward, backward], 1))


def test_playback_normalizes_both_directions_by_one_batch():
    model = playback().train()
    logits_apart(model)
    x = torch.randn(3, 1, 8, 25, 3)
    back = x.flip(2) + 5.0  # statistics of a batch of its own would take this away
    present = torch.ones(3, 1, dtype=torch.bool)
    loss = model.loss({"forward": View(x, present), "backward": View(back, present)})["loss_direction"]
    logits = model.classifier(model.encoder(View(torch.cat([x, back])))).squeeze(1)
    naive = nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor([0.0] * 3 + [1.0] * 3))
    torch.testing.assert_close(loss, naive, rtol=1e-4, atol=1e-5)


def test_playback_refuses_differences_of_frames():
    model = playback()
    model.data_preprocessor.stream = "joint+motion"
    with pytest.raises(ConfigError, match="drop motion"):
        model.predictions({"clip": View(torch.randn(2, 1, 8, 25, 3))})
