"""Proves I3D's padding, sizes and counts against the published ones, and its numbers against plain functions."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmsync.errors import ConfigError, DataError
from mmsync.interop.convert import inflate
from mmsync.models.backbones import I3D
from mmsync.models.backbones.video.i3d import ENDPOINTS, SamePool, Unit3D, same_padding
from mmsync.models.modules import Encoder
from mmsync.models.modules.batch_norm import BatchNorm, convert_sync_batchnorm
from mmsync.models.necks import VideoPool
from mmsync.structures import View
from tests.maps import video_map

SLIM = dict(type="I3D", width=0.0625)
TABLE = {  # channels, frames of 25, rows of 224
    "Conv3d_1a_7x7": (64, 13, 112),
    "MaxPool3d_2a_3x3": (64, 13, 56),
    "Conv3d_2b_1x1": (64, 13, 56),
    "Conv3d_2c_3x3": (192, 13, 56),
    "MaxPool3d_3a_3x3": (192, 13, 28),
    "Mixed_3b": (256, 13, 28),
    "Mixed_3c": (480, 13, 28),
    "MaxPool3d_4a_3x3": (480, 7, 14),
    "Mixed_4b": (512, 7, 14),
    "Mixed_4c": (512, 7, 14),
    "Mixed_4d": (512, 7, 14),
    "Mixed_4e": (528, 7, 14),
    "Mixed_4f": (832, 7, 14),
    "MaxPool3d_5a_2x2": (832, 4, 7),
    "Mixed_5b": (832, 4, 7),
    "Mixed_5c": (1024, 4, 7),
}


def slim(**options) -> I3D:
    torch.manual_seed(0)
    model = I3D(**{"width": 0.0625, **options})
    model.init_weights()
    for module in model.modules():
        if isinstance(module, BatchNorm):  # else a wrong scale or mean would not show
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 1.5)
    return model


# ----------------------------------------------------------------------------------------------- an oracle: zeros added


def published_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    total = max(kernel - stride, 0) if size % stride == 0 else max(kernel - size % stride, 0)
    return total // 2, total - total // 2


def pad_zeros(x, kernel, stride):
    pads = [p for k, s, n in zip(kernel[::-1], stride[::-1], x.shape[:1:-1]) for p in published_padding(n, k, s)]
    return F.pad(x, pads)


def plain_unit(x, state, name, kernel=1, stride=1):
    x = F.conv3d(pad_zeros(x, [kernel] * 3, [stride] * 3), state[f"{name}.conv3d.weight"], stride=stride)
    mean, var = state[f"{name}.bn.running_mean"], state[f"{name}.bn.running_var"]
    return F.batch_norm(x, mean, var, state[f"{name}.bn.weight"], state[f"{name}.bn.bias"], eps=1e-3).relu()


def plain_pool(x, kernel, stride):
    return F.max_pool3d(pad_zeros(x, kernel, stride), kernel, stride)


def plain_i3d(x, s):
    x = plain_unit(x, s, "Conv3d_1a_7x7", 7, 2)
    x = plain_pool(x, (1, 3, 3), (1, 2, 2))
    x = plain_unit(plain_unit(x, s, "Conv3d_2b_1x1"), s, "Conv3d_2c_3x3", 3)
    x = plain_pool(x, (1, 3, 3), (1, 2, 2))
    for block in ("3b", "3c", "4a", "4b", "4c", "4d", "4e", "4f", "5a", "5b", "5c"):
        if block in ("4a", "5a"):
            x = plain_pool(x, *([(3, 3, 3), (2, 2, 2)] if block == "4a" else [(2, 2, 2), (2, 2, 2)]))
            continue
        n = f"Mixed_{block}"
        parts = [
            plain_unit(x, s, f"{n}.b0"),
            plain_unit(plain_unit(x, s, f"{n}.b1a"), s, f"{n}.b1b", 3),
            plain_unit(plain_unit(x, s, f"{n}.b2a"), s, f"{n}.b2b", 3),
            plain_unit(plain_pool(x, (3, 3, 3), (1, 1, 1)), s, f"{n}.b3b"),
        ]
        x = torch.cat(parts, 1)
    return x


@pytest.mark.parametrize("size", [(9, 32, 32), (10, 33, 47), (15, 50, 64), (25, 35, 40)])
@pytest.mark.parametrize("channels_last", [True, False])
def test_the_network_is_its_equations_at_even_and_odd_sizes(size, channels_last):
    model = slim(channels_last=channels_last).double().eval()
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    expected = plain_i3d(x, model.state_dict())
    torch.testing.assert_close(model.forward_rows(x), expected)
    assert expected.shape[2:] == (math.ceil(size[0] / 8), math.ceil(size[1] / 32), math.ceil(size[2] / 32))


def test_padding_is_tensorflow_s_for_every_size():
    for size in range(1, 80):
        for kernel, stride in ((7, 2), (3, 1), (3, 2), (2, 2), (1, 1), (1, 2)):
            pads = same_padding(size, kernel, stride)
            assert pads == published_padding(size, kernel, stride)
            assert (size + sum(pads) - kernel) // stride + 1 == -(-size // stride)


def test_a_symmetric_stem_makes_no_padded_copy(monkeypatch):
    """And an even one a copy that is longer by one."""
    copies = []
    pad = F.pad
    monkeypatch.setattr(F, "pad", lambda x, amounts: copies.append(amounts) or pad(x, amounts))
    unit = Unit3D(3, 4, 7, 2).eval()
    unit(torch.randn(1, 3, 9, 33, 35))
    assert copies == []
    unit(torch.randn(1, 3, 9, 32, 35))
    assert copies == [[0, 0, 0, 1, 0, 0]]


@pytest.mark.parametrize("size", [(1, 1, 1), (2, 3, 4), (5, 6, 7), (8, 8, 8)])
def test_pooling_pads_zeros(size):
    x = torch.randn(1, 2, *size).relu()
    for kernel, stride in (
        ((1, 3, 3), (1, 2, 2)),
        ((3, 3, 3), (2, 2, 2)),
        ((2, 2, 2), (2, 2, 2)),
        ((3,) * 3, (1,) * 3),
    ):
        assert torch.equal(SamePool(kernel, stride)(x), plain_pool(x, kernel, stride))


# -------------------------------------------------------------------------------------------------- sizes as published


def test_the_table_of_endpoints_at_25_frames_of_224():
    model, shapes = I3D().eval(), {}
    for name in ENDPOINTS:
        getattr(model, name).register_forward_hook(lambda _, __, out, name=name: shapes.update({name: out.shape}))
    with torch.no_grad():
        out = model.forward_rows(torch.randn(1, 3, 25, 224, 224))
    assert {k: tuple(v) for k, v in shapes.items()} == {k: (1, c, t, s, s) for k, (c, t, s) in TABLE.items()}
    assert torch.isfinite(out).all()


@pytest.mark.parametrize(("channels", "count"), [(3, 12_697_264), (2, 12_675_312)])
def test_parameters_are_as_many_as_published_with_400_classes(channels, count):
    with torch.device("meta"):
        model = nn.ModuleList([I3D(channels), nn.Linear(1024, 400)])
    assert sum(p.numel() for p in model.parameters()) == count
    norms = [m for m in model.modules() if isinstance(m, BatchNorm)]
    assert (len(norms), sum(m.num_features for m in norms)) == (57, 7280)
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.01)}


def test_the_published_classifier_is_a_window_of_two_and_a_linear_layer():
    """The release pools 2 x 7 x 7 without padding, maps by 1 x 1 x 1 with bias, and averages logits over time."""
    feature, layer = torch.randn(2, 8, 4, 7, 7), nn.Conv3d(8, 5, 1)
    expected = layer(F.avg_pool3d(feature, (2, 7, 7), 1)).mean(2)[:, :, 0, 0]
    found = F.linear(VideoPool(window=2)(video_map(feature)), layer.weight.flatten(1), layer.bias)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_endpoint_has_the_whole_network_s_layers_up_to_it(endpoint):
    """One that is cut off must not come out without parameters."""
    full, cut = slim().eval(), slim(endpoint=endpoint).eval()
    names = set(cut.state_dict())
    parts = [k for k in full.state_dict() if ENDPOINTS.index(k.split(".")[0]) <= ENDPOINTS.index(endpoint)]
    assert names == set(parts)
    assert names
    cut.load_state_dict({k: full.state_dict()[k] for k in names})
    x = torch.randn(1, 3, 9, 32, 32)
    seen = []
    getattr(full, endpoint).register_forward_hook(lambda _, __, out: seen.append(out))
    full.forward_rows(x)
    assert torch.equal(cut.forward_rows(x), seen[0])
    assert cut.out_channels == seen[0].shape[1]


# ----------------------------------------------------------------------------------------------------------- the rest


def test_any_memory_order_gives_the_same():
    x = torch.randn(2, 9, 33, 32, 3).permute(0, 4, 1, 2, 3)  # frames as decoded
    first, second = slim().double(), slim(channels_last=False).double()
    second.load_state_dict(first.state_dict())
    found = [model.train()(View(y.double())).data for model in (first, second) for y in (x, x.contiguous())]
    assert found[0].shape == (2, 64, 2, 2, 1)
    for other in found[1:]:
        torch.testing.assert_close(other, found[0])


def test_batch_norms_take_the_statistics_of_all_ranks_when_asked():
    model = convert_sync_batchnorm(slim())
    assert all(m.sync for m in model.modules() if isinstance(m, BatchNorm))
    before = model.Conv3d_1a_7x7.bn.running_mean.clone()
    model.train()(View(torch.randn(2, 3, 9, 32, 32)))
    moved = model.Conv3d_1a_7x7.bn.running_mean
    assert not torch.equal(moved, before)
    assert (moved - 0.99 * before).abs().max() < 0.1  # a momentum of 0.01


def test_a_still_video_gives_what_the_image_gives():
    weight, image = torch.randn(4, 3, 5, 5), torch.randn(2, 3, 9, 9)
    video = image.unsqueeze(2).expand(-1, -1, 7, -1, -1)
    found = F.conv3d(video, inflate(weight, 3))
    torch.testing.assert_close(found, F.conv2d(image, weight).unsqueeze(2).expand_as(found))


def test_layer_depths_grow_from_the_stem_to_the_last_block():
    model = slim()
    places = [model.get_layer_depth(name) for name, _ in model.named_parameters()]
    assert [p for p, _ in places] == sorted(p for p, _ in places)
    assert {p for p, _ in places} == set(range(12))
    assert {total for _, total in places} == {13}


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 3, 8, 32, 32), "9 frames or more.* 8 x 32 x 32"),
        ((1, 3, 9, 31, 40), "at least 32 x 32.* 9 x 31 x 40"),
        ((1, 2, 9, 32, 32), "in_channels = 3"),
        ((3, 9, 32, 32), r"\(N, C, T, H, W\)"),
        ((1, 2, 4, 9, 32, 32), r"or tracks \(N, K, C, T, H, W\), with C = in_channels = 3"),
    ],
)
def test_clips_that_do_not_fit_are_reported(shape, message):
    with pytest.raises(DataError, match=message):
        slim()(View(torch.zeros(shape)))


def test_mistakes_in_a_config_are_reported():
    with pytest.raises(ConfigError, match=r"endpoint='Mixed_6a'; use one of Conv3d_1a_7x7.*Mixed_5c"):
        slim(endpoint="Mixed_6a")
    with pytest.raises(ConfigError, match=r"width=0\.01"):
        slim(width=0.01)


# -------------------------------------------------------------------------------------------------------------- pooling


class TestPooling:
    def test_time_is_averaged_put_side_by_side_or_read_in_order(self):
        x = torch.randn(2, 4, 3, 5, 6)
        steps = x.mean((3, 4)).transpose(1, 2)  # (N, T', D)
        torch.testing.assert_close(VideoPool()(video_map(x)), steps.mean(1))
        torch.testing.assert_close(VideoPool("flatten", frames=3)(video_map(x)), steps.reshape(2, 12))
        pairs = (steps[:, :-1] + steps[:, 1:]) / 2
        torch.testing.assert_close(VideoPool("flatten", window=2, frames=2)(video_map(x)), pairs.reshape(2, 8))
        for kind, layer in (("gru", nn.GRU), ("lstm", nn.LSTM)):
            pool, plain = VideoPool(kind, in_channels=4, hidden_channels=6), layer(4, 6)
            plain.load_state_dict(pool.recurrent.state_dict())
            torch.testing.assert_close(pool(video_map(x)), plain(steps.transpose(0, 1))[0][-1])

    @pytest.mark.parametrize(
        ("pool", "width"),
        [
            (None, 64),
            (dict(type="VideoPool", time="flatten", window=2, frames=1), 64),
            (dict(type="VideoPool", time="flatten", frames=2), 128),
            (dict(type="VideoPool", time="gru"), 64),
            (dict(type="VideoPool", time="lstm", hidden_channels=5), 5),
        ],
    )
    def test_an_encoder_knows_its_width_and_fills_in_its_channels(self, pool, width):
        encoder = Encoder(SLIM, pool, projector=dict(type="MLPProjector", out_channels=3))
        view = View(torch.randn(2, 3, 9, 32, 32))
        assert encoder.extract(view).shape == (2, width) == (2, encoder.pooled_channels)
        assert encoder(view).shape == (2, 3)

    def test_mistakes_are_reported(self):
        for options, message in (
            (dict(time="max"), "time='max'"),
            (dict(window=0), "window=0"),
            (dict(time="flatten"), "needs frames"),
            (dict(time="gru"), "needs in_channels"),
        ):
            with pytest.raises(ConfigError, match=message):
                VideoPool(**options)
        with pytest.raises(DataError, match="take longer clips"):
            VideoPool(window=2)(video_map(torch.randn(1, 4, 1, 2, 2)))
        with pytest.raises(DataError, match=r"frames=2.*3 steps"):
            VideoPool("flatten", frames=2)(video_map(torch.randn(1, 4, 3, 2, 2)))
