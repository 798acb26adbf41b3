"""On and off screen: the u-net's sizes and count, the losses by plain formulas, and sounds that come back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from mmsync.errors import ConfigError, DataError
from mmsync.models.methods import Multisensory, OnOffScreen
from mmsync.models.modules.unet import SoundUNet
from mmsync.ops.sound import si_sdr
from mmsync.structures import View

STFT = dict(n_fft=128, window=128, hop=64)


def encoder(type: str, **options) -> dict:
    return dict(type="Encoder", backbone=dict(type=type, **options))


def model(fused: bool = False, **options) -> OnOffScreen:
    torch.manual_seed(0)
    audio = encoder("WaveformNet", in_channels=1, widths=[4, 4, 4, 6]) if fused else None
    options = dict(fusion_widths=(4, 8, 4, 4, 6, 8), widths=[4, 6, 6, 8, 8], **STFT, **options)
    return OnOffScreen(encoder("MultisensoryStem", width=4), audio, **options).eval()


def views(n: int = 3, channels: int = 1) -> dict[str, View]:
    torch.manual_seed(1)
    video = View(torch.randn(n, 3, 8, 16, 16))
    return {"video": video, **{name: View(torch.randn(n, channels, 2048)) for name in ("audio", "contrast")}}


def published() -> OnOffScreen:
    with torch.device("meta"):
        return OnOffScreen(encoder("MultisensoryStem"), encoder("WaveformNet"))


def test_the_u_net_has_nine_layers_down_and_eight_up():
    net = SoundUNet((2, 3, 4), (2, 2, 3, 3, 3, 3, 3, 3, 3)).eval()
    assert (len(net.down), len(net.up)) == (9, 8)
    sizes = []
    for layer in net.down:
        layer.register_forward_hook(lambda module, inputs, output: sizes.append(tuple(output.shape[2:])))
    features = [torch.randn(1, d, steps) for d, steps in ((2, 32), (3, 16), (4, 16))]
    with torch.no_grad():
        assert net(torch.randn(1, 2, 1024, 128), features).shape == (1, 2, 2, 1024, 128)
        assert sizes == [(1024 >> k, max(1, 128 >> k)) for k in range(1, 10)]
        assert net(torch.randn(1, 2, 513, 77), features).shape == (1, 2, 2, 513, 77)


def unet_count(features: tuple[int, ...], widths: tuple[int, ...]) -> int:
    """By the table: 4 x 4 kernels; scale and offset of each norm; a bias in the first and the last layer."""
    after = [w + (features[k - 2] if 2 <= k < 2 + len(features) else 0) for k, w in enumerate(widths)]
    before = [2, *after[:-1]]
    down = sum(16 * b * w for b, w in zip(before, widths)) + widths[0] + 2 * sum(widths[1:])
    up, inner = 0, after[-1]
    for k in range(len(widths) - 2, -1, -1):
        up += 16 * inner * widths[k] + 2 * widths[k]
        inner = widths[k] + after[k]
    return down + up + 16 * inner * 4 + 4


def test_parameters_as_published():
    widths = (64, 128, 256, *6 * (512,))
    found = published()
    count = sum(p.numel() for p in found.unet.parameters())
    assert count == unet_count((128, 256, 512), widths)
    assert count == 79_846_084
    shift = sum(p.numel() for p in found.parameters()) - count
    with torch.device("meta"):
        other = Multisensory(encoder("MultisensoryStem"), encoder("WaveformNet"))
    assert shift == sum(p.numel() for p in other.parameters()) - sum(p.numel() for p in other.classifier.parameters())


def test_weights_of_the_shift_network_fit():
    video, audio = encoder("MultisensoryStem", width=4), encoder("WaveformNet", in_channels=1, widths=[4, 4, 4, 6])
    other = Multisensory(video, audio, (4, 8, 4, 4, 6, 8))
    missing, unexpected = model(fused=True).load_state_dict(other.state_dict(), strict=False)
    assert unexpected == ["classifier.weight", "classifier.bias"]
    assert all(name.startswith("unet.") for name in missing)


def spectrogram(x: torch.Tensor) -> np.ndarray:
    """Level and phase ``(2, F, T)`` in [-1, 1], one frame after the other."""
    x = np.pad(x.double().numpy(), 64)
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(128) / 128)
    z = np.stack([np.fft.rfft(taper * x[t : t + 128])[:64] for t in range(0, len(x) - 127, 64)], 1)
    level = np.clip(20 * np.log10(np.maximum(np.abs(z), 1e-5)), -100, 80)
    return np.stack([(level + 100) / 90 - 1, np.angle(z) / np.pi])


def naive(found: np.ndarray, pair: tuple[torch.Tensor, torch.Tensor], orders: list[tuple[int, ...]]) -> float:
    """The least, over orders, of the distances of levels and 0.01 of those of phases, of one sample."""
    true = [spectrogram(0.1 * s / s.square().mean().sqrt()) for s in pair]
    costs = []
    for order in orders:
        gaps = [np.abs(found[i] - true[j]).mean((1, 2)) for i, j in enumerate(order)]
        costs.append(sum(gap[0] + 0.01 * gap[1] for gap in gaps))
    return min(costs)


@pytest.mark.parametrize("any_order", [False, True])
def test_loss_by_its_formula(any_order):
    net, batch = model(permutation_invariant=any_order), views(4)
    batch["audio"].data[1] *= 9  # loudness does not count
    pairs = [(batch["audio"].data[i, 0], batch["contrast"].data[i, 0]) for i in range(4)]
    mixture = torch.stack([sum(0.1 * s / s.square().mean().sqrt() for s in pair) for pair in pairs])
    heard = torch.from_numpy(np.stack([spectrogram(x) for x in mixture])).float()
    features = net.video.backbone(batch["video"]).data.mean((3, 4))
    with torch.no_grad():
        found = net.unet(heard, [features] * 3).double().numpy()
        loss = net.loss(batch)
    orders = list(itertools.permutations(range(2))) if any_order else [(0, 1)]
    expected = [naive(x, pair, orders) for x, pair in zip(found, pairs)]
    assert loss["loss_separation"].item() == pytest.approx(np.mean(expected), abs=1e-4)


def test_any_order_is_the_smaller_loss_and_swapped_sounds_have_it_too():
    batch = views(6)
    swapped = {**batch, "audio": batch["contrast"], "contrast": batch["audio"]}
    given, free = ([m.loss(b)["loss_separation"].item() for b in (batch, swapped)] for m in
                   (model(), model(permutation_invariant=True)))  # fmt: skip
    assert free[0] == pytest.approx(free[1])
    assert free[0] <= min(given)
    assert given[0] != pytest.approx(given[1], rel=1e-5)


def test_a_perfect_network_gives_both_sounds_back():
    net, batch = model(), views()
    mixture = net._sounds(batch).sum(1)
    net.unet.forward = lambda heard, features: net._polar(net._sounds(batch))
    found = net.separate(batch["video"], 5 * mixture)  # as loud as what comes in
    true = 5 * net._sounds(batch)[:, :, 0]
    assert si_sdr(found, true).min() > 15  # the highest bin is lost
    torch.testing.assert_close(found.square().mean(), true.square().mean(), rtol=0.05, atol=0)
    better = net.predictions(batch)["separation"]
    assert better.shape == (3, 2, 2)
    assert better.diagonal(dim1=1, dim2=2).min() > 15
    assert better[:, 0, 1].max() < 0


def test_phases_of_the_mixture():
    net, batch = model(phase="mixture"), views()
    net.unet.forward = lambda heard, features: torch.stack([heard, heard.flip(1)], 1)
    mixture = net._sounds(batch).sum(1)
    assert si_sdr(net.separate(batch["video"], mixture)[:, 0], mixture[:, 0]).min() > 15


@pytest.mark.parametrize(
    ("options", "joined"),
    [
        (dict(), [4, 4, 4]),
        (dict(fused=True), [4, 6, 8]),
        (dict(scales=[]), []),
        (dict(scales=["video.backbone.conv"]), [4]),
    ],
)
def test_features_of_scales_reach_the_loss(options, joined):
    net, batch = model(**options), views(2)
    assert [one.shape[1] for one in net._features(batch["video"], batch["audio"].data)] == joined == net._widths()
    net.loss(batch)["loss_separation"].backward()
    learning = [name for name, p in net.named_parameters() if p.grad is not None and p.grad.any()]
    assert any(name.startswith("video.") for name in learning) == bool(joined)
    assert any(name.startswith("fusion.trunk.5") for name in learning) == bool(options.get("fused"))


def test_a_model_of_other_modalities_conditions_it():
    graph = dict(type="STGCN", channels=[4, 6], strides=[1, 2], temporal_kernel=3)
    net = OnOffScreen(dict(type="Encoder", backbone=graph), widths=[4, 4, 4, 6, 6], **STFT)
    batch = {**views(2), "video": View(torch.randn(2, 1, 8, 25, 3))}
    assert net.loss(batch)["loss_separation"].requires_grad


def test_pictures_alone_have_a_feature():
    table = model()({"video": views()["video"]}, mode="predict")
    assert table["feature"].shape == (3, 4)
    assert "separation" not in table


def test_settings_and_data_that_cannot_work():
    with pytest.raises(ConfigError, match=r"no module 'video.backbone.conw'.*video.backbone.conv"):
        model(scales=["video.backbone.conw"])
    with pytest.raises(ConfigError, match="3 features are too many for 4"):
        OnOffScreen(encoder("MultisensoryStem", width=4), widths=[4, 4, 4, 4])
    batch = views()
    with pytest.raises(DataError, match=r"give waveforms \(N, C, S\)"):
        model().loss({**batch, "audio": View(torch.zeros(3, 1, 9, 9)), "contrast": View(torch.zeros(3, 1, 9, 9))})
