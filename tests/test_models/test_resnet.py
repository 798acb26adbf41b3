"""Proves SkeletonResNet's sizes against the published ones, its blocks against plain functions, and its images."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mmsync.errors import ConfigError, LayoutError
from mmsync.models.backbones import SkeletonResNet
from mmsync.models.backbones.skeleton.resnet import Block
from mmsync.models.modules import Encoder
from mmsync.registry import BACKBONES
from mmsync.structures import View

SLIM = dict(type="SkeletonResNet", depth=18, width=0.0625)


def slim(**options) -> SkeletonResNet:
    torch.manual_seed(0)
    model = BACKBONES.build({**SLIM, **options})
    model.init_weights()
    return model


@pytest.mark.parametrize(("depth", "count"), [(18, 11_176_512), (34, 21_284_672), (50, 23_508_032)])
def test_parameters_are_as_many_as_torchvision_publishes_without_the_classifier(depth, count):
    with torch.device("meta"):
        model = SkeletonResNet(depth=depth, stem="7x7")
    assert sum(p.numel() for p in model.parameters()) == count
    assert model.out_channels == (2048 if depth == 50 else 512)


def test_names_and_shapes_are_those_of_public_weights():
    with torch.device("meta"):
        weights = SkeletonResNet(depth=50, stem="7x7").state_dict()
    public = {
        "conv1.weight": (64, 3, 7, 7),
        "bn1.running_var": (64,),
        "layer1.0.conv1.weight": (64, 64, 1, 1),
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "layer1.0.downsample.1.bias": (256,),
        "layer2.0.conv2.weight": (128, 128, 3, 3),
        "layer3.5.bn3.weight": (1024,),
        "layer4.2.conv3.weight": (2048, 512, 1, 1),
    }
    assert {k: tuple(weights[k].shape) for k in public} == public
    assert len(weights) == 318  # of resnet50's 320, all but fc.weight and fc.bias


def test_width_multiplies_every_layer():
    one, two = (SkeletonResNet(depth=18, width=w) for w in (0.125, 0.25))
    assert two.out_channels == 2 * one.out_channels == 128
    assert two.layer2[0].conv2.weight.shape == (32, 32, 3, 3)


def plain_bn(x, state, name):
    return F.batch_norm(x, None, None, state[f"{name}.weight"], state[f"{name}.bias"], training=True)


@pytest.mark.parametrize("kernels", [(3, 3), (1, 3, 1)])
def test_a_block_is_its_equations(kernels):
    torch.manual_seed(0)
    model = Block(4, 3, kernels, stride=2).double()
    for p in model.parameters():
        torch.nn.init.normal_(p)
    x, s = torch.randn(5, 4, 7, 9, dtype=torch.float64), model.state_dict()
    if len(kernels) == 2:
        out = F.conv2d(x, s["conv1.weight"], stride=2, padding=1)
        out = F.conv2d(plain_bn(out, s, "bn1").relu(), s["conv2.weight"], padding=1)
        out = plain_bn(out, s, "bn2")
    else:
        out = plain_bn(torch.einsum("phij,oh->poij", x, s["conv1.weight"][..., 0, 0]), s, "bn1").relu()
        out = plain_bn(F.conv2d(out, s["conv2.weight"], stride=2, padding=1), s, "bn2").relu()
        out = plain_bn(torch.einsum("phij,oh->poij", out, s["conv3.weight"][..., 0, 0]), s, "bn3")
    short = F.conv2d(x[:, :, ::2, ::2], s["downsample.0.weight"])
    torch.testing.assert_close(model(x), (out + plain_bn(short, s, "downsample.1")).relu())


def test_rows_are_joints_and_columns_frames():
    model = slim().eval()
    seen = []
    model.conv1.register_forward_hook(lambda _, args, __: seen.append(args[0]))
    x = torch.randn(2, 16, 25, 3)
    out = model.forward_rows(x)
    assert torch.equal(seen[0], torch.einsum("ptvc->pcvt", x))
    assert out.shape == (2, 32, 2, 4)  # (P, D, T', V'): 16 frames and 25 joints over 8


def test_resizing_is_bilinear_and_keeps_the_values():
    """No stretching to the image's own range: a linear ramp of meters stays that ramp."""
    model = slim(size=(50, 32)).eval()
    seen = []
    model.conv1.register_forward_hook(lambda _, args, __: seen.append(args[0]))
    x = torch.arange(25.0)[None, None, :, None].expand(1, 16, 25, 3)
    model.forward_rows(x)
    ramp = (torch.arange(50.0) + 0.5) / 2 - 0.5
    torch.testing.assert_close(seen[0], ramp.clamp(0, 24)[None, None, :, None].expand(1, 3, 50, 32))
    assert slim(size=32).eval().forward_rows(x).shape == (1, 32, 4, 4)


def test_both_stems():
    x = torch.randn(1, 64, 25, 3)
    assert slim(stem="3x3").eval().forward_rows(x).shape[2:] == (8, 4)
    assert slim(stem="7x7").eval().forward_rows(x).shape[2:] == (2, 1)


def test_persons_in_channels_are_one_image_and_absent_ones_zero():
    model = slim(num_persons=2).eval()
    x = torch.randn(3, 2, 16, 25, 3)
    mask = torch.tensor([[True, True], [True, False], [False, False]])
    packed = model(View(x, mask))
    assert packed.owner.tolist() == [0, 1]  # a sample with nobody costs nothing
    both = torch.cat([x[0, 0], x[0, 1]], -1)
    one = torch.cat([x[1, 0], torch.zeros(16, 25, 3)], -1)
    torch.testing.assert_close(packed.data, model.forward_rows(torch.stack([both, one])))
    one_person = model(View(x[:1], torch.tensor([[True, False]])))
    torch.testing.assert_close(model(View(x[:1, :1])).data, one_person.data)  # fewer persons: padded


@pytest.mark.parametrize("num_persons", [1, 2])
def test_an_encoder_pools_images_as_it_pools_skeletons(num_persons):
    encoder = Encoder({**SLIM, "num_persons": num_persons}).eval()
    x, mask = torch.randn(3, 2, 16, 25, 3), torch.tensor([[True, True], [True, False], [False, False]])
    found = encoder.backbone(View(x, mask))
    rows = [found.data[found.owner == n].mean((2, 3)) for n in range(3)]
    expected = torch.stack([row.mean(0) if len(row) else torch.zeros(encoder.backbone.out_channels) for row in rows])
    torch.testing.assert_close(encoder.extract(View(x, mask)), expected)


def test_a_residual_that_starts_at_zero_leaves_the_shortcut():
    model = slim(zero_init_residual=True).eval()
    x = torch.rand(2, 4, 8, 8)  # not negative, as after a ReLU
    assert torch.equal(model.layer1[1](x), x)
    assert not torch.equal(slim().eval().layer1[1](x), x)


def test_layer_depths_grow_from_the_stem_to_the_last_block():
    model = slim()
    places = [model.get_layer_depth(name) for name, _ in model.named_parameters()]
    assert [p for p, _ in places] == sorted(p for p, _ in places)
    assert {p for p, _ in places} == set(range(9))
    assert {total for _, total in places} == {10}


def test_mistakes_are_reported():
    for wrong in (dict(depth=19), dict(stem="5x5"), dict(width=0.0), dict(size=(3, 4, 5)), dict(num_persons=0)):
        with pytest.raises(ConfigError, match="SkeletonResNet"):
            slim(**wrong)
    with pytest.raises(LayoutError, match="num_persons=2"):
        slim(num_persons=2)(View(torch.randn(1, 3, 8, 25, 3)))
    with pytest.raises(LayoutError, match="layout 'ntu25'"):
        slim()(View(torch.randn(1, 2, 8, 20, 3)))
