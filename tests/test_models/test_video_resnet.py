"""Proves R3D, MC3 and R(2+1)D against reference numbers, published counts and a plain network."""

from __future__ import annotations

import runpy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmsync.errors import ConfigError, DataError
from mmsync.models.backbones import VideoResNet
from mmsync.models.backbones.video.video_resnet import mid_channels
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.models.necks import VideoPool
from mmsync.structures import View

VMZ = dict(variant="r2plus1d", midplanes="per_conv", bn_eps=1e-3)
REFERENCES = {  # options, seed of the weights, parameters with 400 classes
    "mc3_18": (dict(variant="mc3"), 11, 11_695_440),
    "r3d_18": (dict(variant="r3d"), 22, 33_371_472),
    "r2plus1d_18": (dict(variant="r2plus1d"), 33, 31_505_325),
    "xdc_r2plus1d_18": (VMZ, 44, 33_370_839),
}


def slim(**options) -> VideoResNet:
    torch.manual_seed(0)
    model = VideoResNet(**{"width": 0.0625, **options})
    model.init_weights()
    for module in model.modules():
        if isinstance(module, BatchNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 1.5)
    return model


def reference(fixture_root, name: str) -> tuple:
    """Recorded numbers, their rule, network and classifier with the rule's weights, seed."""
    folder = fixture_root / "video"
    archive, rule = np.load(folder / "tv_resnets.npz"), runpy.run_path(str(folder / "weight_rule.py"))
    options, seed, _ = REFERENCES[name]
    with torch.device("meta"):  # no weights are drawn in vain
        model, fc = VideoResNet(**options).eval(), nn.Linear(512, 400)
    model.load_state_dict(rule["state"](model.state_dict(), seed), assign=True)
    fc.load_state_dict(rule["state"](fc.state_dict(), seed, rename=lambda key: f"fc.{key}"), assign=True)
    return archive, rule, model, fc, seed


@pytest.mark.parametrize("name", REFERENCES)
@torch.no_grad()
def test_reference_numbers(fixture_root, name):
    """Every stage, the pooled feature and the logits, at 8 x 112 x 112 and 25 x 64 x 80; weights by the key's rule."""
    archive, rule, model, fc, seed = reference(fixture_root, name)
    stages = {}
    for part in ("stem", "layer1", "layer2", "layer3", "layer4"):
        getattr(model, part).register_forward_hook(
            lambda _, __, out, part=part: stages.update({part: rule["stats"](out)})
        )
    for case, shape, plus in (("a", (2, 3, 8, 112, 112), 8), ("b", (1, 3, 25, 64, 80), 25)):
        feature = VideoPool()(model(View(rule["inp"](shape, seed + plus))))
        for part, found in stages.items():
            expected = archive[f"{name}_{case}_{part}"]
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4, err_msg=f"{case} {part}")
        np.testing.assert_allclose(feature, archive[f"{name}_{case}_feat"], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(fc(feature), archive[f"{name}_{case}_logits"], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", REFERENCES)
def test_reference_gradients(fixture_root, name):
    """Cross entropy of one clip of 8 x 56 x 56 with class 3, in evaluation mode."""
    archive, rule, model, fc, seed = reference(fixture_root, name)
    logits = fc(VideoPool()(model(View(rule["inp"]((1, 3, 8, 56, 56), seed + 1)))))
    loss = F.cross_entropy(logits, torch.tensor([3]))
    found = torch.autograd.grad(loss, [model.stem[0].weight, fc.weight])
    assert loss.item() == pytest.approx(float(archive[f"{name}_grad_loss"]), rel=1e-4)
    for gradient, part in zip(found, ("stem.0", "fc")):
        expected = float(archive[f"{name}_grad_norm_{part}.weight"])
        assert gradient.norm().item() == pytest.approx(expected, rel=1e-3), part


@pytest.mark.parametrize("name", REFERENCES)
def test_parameters_are_as_many_as_published_with_400_classes(name):
    options, _, count = REFERENCES[name]
    with torch.device("meta"):
        model = nn.ModuleList([VideoResNet(**options), nn.Linear(512, 400)])
    assert sum(p.numel() for p in model.parameters()) == count
    assert {m.eps for m in model.modules() if isinstance(m, BatchNorm)} == {options.get("bn_eps", 1e-5)}


def test_width_between_space_and_time_by_both_rules():
    assert mid_channels(64, 128) == 230
    assert mid_channels(128, 128) == 288
    for rule, second in (("per_block", 230), ("per_conv", 288)):
        with torch.device("meta"):
            block = VideoResNet("r2plus1d", midplanes=rule).layer2[0]
        assert [block.conv1[0][0].out_channels, block.conv2[0][0].out_channels] == [230, second]


def plain(model: VideoResNet, x: torch.Tensor, variant: str) -> torch.Tensor:
    """The network from its weights by functions; paddings and strides are written down, not read off."""
    s = model.state_dict()

    def norm(x, name):
        return F.batch_norm(
            x, s[f"{name}.running_mean"], s[f"{name}.running_var"], s[f"{name}.weight"], s[f"{name}.bias"]
        )

    def conv(x, name, time, step):
        """3 x 3 x 3, 1 x 3 x 3, or 1 x 3 x 3 and then 3 x 1 x 1."""
        if variant == "r2plus1d":
            x = F.conv3d(x, s[f"{name}.0.weight"], stride=(1, step, step), padding=(0, 1, 1))
            x = norm(x, f"{name}.1").relu()
            return F.conv3d(x, s[f"{name}.3.weight"], stride=(step, 1, 1), padding=(1, 0, 0))
        return F.conv3d(x, s[f"{name}.weight"], stride=(step if time else 1, step, step), padding=(int(time), 1, 1))

    if variant == "r2plus1d":
        x = norm(F.conv3d(x, s["stem.0.weight"], stride=(1, 2, 2), padding=(0, 3, 3)), "stem.1").relu()
        x = norm(F.conv3d(x, s["stem.3.weight"], padding=(1, 0, 0)), "stem.4").relu()
    else:
        x = norm(F.conv3d(x, s["stem.0.weight"], stride=(1, 2, 2), padding=(1, 3, 3)), "stem.1").relu()
    for i in range(1, 5):
        for j in range(2):
            name, step = f"layer{i}.{j}", 2 if i > 1 and j == 0 else 1
            time = variant != "mc3" or i == 1
            out = norm(conv(x, f"{name}.conv1.0", time, step), f"{name}.conv1.1").relu()
            out = norm(conv(out, f"{name}.conv2.0", time, 1), f"{name}.conv2.1")
            if step == 2:
                x = F.conv3d(x, s[f"{name}.downsample.0.weight"], stride=(2 if time else 1, 2, 2))
                x = norm(x, f"{name}.downsample.1")
            x = (out + x).relu()
    return x


@pytest.mark.parametrize("variant", ["r3d", "mc3", "r2plus1d"])
@pytest.mark.parametrize("size", [(1, 16, 16), (8, 32, 48), (9, 33, 17)])
def test_the_network_is_its_equations(variant, size):
    model = slim(variant=variant).double().eval()
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    out = model.forward_rows(x)
    torch.testing.assert_close(out, plain(model, x, variant))
    time = size[0] if variant == "mc3" else -(-size[0] // 8)
    assert out.shape == (2, 32, time, -(-size[1] // 16), -(-size[2] // 16))


@pytest.mark.parametrize("variant", ["r3d", "mc3", "r2plus1d"])
def test_any_memory_order_gives_the_same(variant):
    x = torch.randn(2, 8, 20, 24, 3).permute(0, 4, 1, 2, 3)
    first, second = (slim(variant=variant, channels_last=c).double() for c in (True, False))
    second.load_state_dict(first.state_dict())
    found = [model.train()(View(y.double())).data for model in (first, second) for y in (x, x.contiguous())]
    for other in found[1:]:
        torch.testing.assert_close(other, found[0])


def test_deeper_and_flow():
    model = slim(depth=34, in_channels=2).eval()
    assert [len(getattr(model, f"layer{i}")) for i in range(1, 5)] == [3, 4, 6, 3]
    assert model.forward_rows(torch.randn(1, 2, 8, 32, 32)).shape == (1, 32, 1, 2, 2)
    places = [model.get_layer_depth(name) for name, _ in model.named_parameters()]
    assert [p for p, _ in places] == sorted(p for p, _ in places)
    assert {p for p, _ in places} == set(range(17))


def test_mistakes_are_told():
    for wrong in (dict(variant="c3d"), dict(depth=50), dict(midplanes="half"), dict(width=0.0)):
        with pytest.raises(ConfigError, match="VideoResNet"):
            slim(**wrong)
    with pytest.raises(DataError, match="at least 16 x 16"):
        slim()(torch.zeros(1, 3, 4, 15, 20))
    with pytest.raises(DataError, match="in_channels = 3"):
        slim()(torch.zeros(1, 1, 4, 16, 16))
