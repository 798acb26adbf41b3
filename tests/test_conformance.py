"""Every registered component keeps its contract. A new component needs one line in ``EXAMPLES`` here, or this fails."""

from __future__ import annotations

import copy
import re
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmsync.models.methods import SelfSupervisedModel
from mmsync.models.modules import Encoder
from mmsync.models.necks import SkeletonPool
from mmsync.ops.persons import pack_persons
from mmsync.registry import BACKBONES, DATASETS, HEADS, HOOKS, LOSSES, METRICS, MODELS, NECKS, TRANSFORMS
from mmsync.structures import SkeletonLayout, View

pytestmark = pytest.mark.conformance

N, M, T = 4, 2, 16
SLIM = dict(type="STGCN", channels=[6, 8], strides=[1, 2], dropout=0.1, temporal_kernel=3)
ENCODER = dict(type="Encoder", backbone=SLIM, projector=dict(type="MLPProjector", out_channels=6))

EXAMPLES: dict[str, dict] = {
    # backbones
    "STGCN": SLIM,
    "DSTformer": dict(type="DSTformer", embed_dim=8, rep_dim=6, depth=1, num_heads=2, max_len=16, drop_rate=0.1),
    "SkeletonViT": dict(type="SkeletonViT", embed_dim=8, depth=1, num_heads=2, clip_len=16, drop_path_rate=0.1),
    "SkeletonResNet": dict(type="SkeletonResNet", depth=18, width=0.0625),
    "I3D": dict(type="I3D", width=0.0625),
    "VideoResNet": dict(type="VideoResNet", width=0.0625),
    # necks
    "SkeletonPool": dict(type="SkeletonPool"),
    "VideoPool": dict(type="VideoPool", time="gru", in_channels=8, hidden_channels=6),
    "MLPProjector": dict(type="MLPProjector", in_channels=8, out_channels=6, norm=True),
    # heads
    "LinearHead": dict(type="LinearHead", in_channels=8, num_classes=5),
    "ActionHead": dict(type="ActionHead", in_channels=8, num_joints=5, num_classes=5, hidden_channels=6, dropout=0.1),
    # models
    "Encoder": ENCODER,
    "SkeletonCLR": dict(type="SkeletonCLR", encoder=ENCODER, queue_size=8),
    "AimCLR": dict(type="AimCLR", encoder=ENCODER, queue_size=8),
    "SimCLR": dict(type="SimCLR", encoder=ENCODER),
    "BYOL": dict(type="BYOL", encoder=ENCODER),
    "SimSiam": dict(type="SimSiam", encoder=ENCODER),
    "BarlowTwins": dict(type="BarlowTwins", encoder=ENCODER),
    "VICReg": dict(type="VICReg", encoder=ENCODER),
    "Sync3D": dict(type="Sync3D", encoder=ENCODER),
    "SkeletonClassifier": dict(type="SkeletonClassifier", encoder=ENCODER, head=dict(type="LinearHead", num_classes=5)),
    "VideoPreprocessor": dict(type="VideoPreprocessor"),
    "SkeletonPreprocessor": dict(type="SkeletonPreprocessor", layout="ntu25"),
}


def members(*registries) -> list:
    """``(registry, name)`` of all that mmsync itself registers."""
    found = []
    for registry in registries:
        registry.import_from_location()
        for name, item in sorted(registry.module_dict.items()):
            if item.__module__.startswith("mmsync."):
                found.append(pytest.param(registry, name, id=f"{registry.name}-{name}"))
    return found


def example(name: str) -> dict:
    if name not in EXAMPLES:
        pytest.fail(f"{name} is registered but has no example config in tests/test_conformance.py")
    return copy.deepcopy(EXAMPLES[name])


def skeletons(layout: str = "ntu25", channels: int = 3, absent: bool = True) -> View:
    joints = SkeletonLayout.get(layout).num_joints
    x = torch.randn(N, M, T, joints, channels, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(N, M, dtype=torch.bool)
    if absent:
        mask[1:, 1] = False
        x[~mask] = 0
    return View(x, mask)


def clips(backbone: nn.Module, absent: bool = True) -> View:
    """A batch that the backbone takes: skeletons, or the smallest video."""
    if backbone.modality == "skeleton":
        return skeletons(backbone.layout.name, backbone.in_channels, absent)
    shape = (N, backbone.in_channels, backbone.min_frames, backbone.min_size, backbone.min_size)
    return View(torch.randn(shape, generator=torch.Generator().manual_seed(0)))


def forward(backbone: nn.Module, view: View) -> torch.Tensor:
    return backbone(view.data, view.mask) if backbone.modality == "skeleton" else backbone(view.data)


def every_parameter_learns(module: nn.Module) -> None:
    wanted = {k: p.grad for k, p in module.named_parameters() if p.requires_grad}
    idle = [k for k, grad in wanted.items() if grad is None or not grad.abs().sum() > 0]
    # A bias before a batch normalisation has, exactly, no gradient; round-off decides whether it is zero.
    assert not [k for k in idle if not k.endswith("bias")], idle


def round_trips(module: nn.Module, build) -> None:
    other = build()
    other.load_state_dict(module.state_dict())
    for key, value in module.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key


@pytest.mark.parametrize(
    ("registry", "name"),
    members(BACKBONES, NECKS, HEADS, LOSSES, MODELS, TRANSFORMS, DATASETS, METRICS, HOOKS),
)
def test_docstring_tells_what_it_is_and_in_which_shapes(registry, name):
    item = registry.get(name)
    doc = item.__doc__ or ""
    assert doc.strip(), f"{name} has no docstring"
    if registry not in (HOOKS,):
        assert re.search(r"``[^`]*\([^`)]*,[^`)]*\)", doc), f"{name}: the docstring names no shape such as ``(N, D)``"
    signature = getattr(item, "__init__", item)
    code = getattr(signature, "__code__", None)
    arguments = code.co_varnames[1 : code.co_argcount] if code else ()
    missing = [a for a in arguments if not re.search(rf"^\s*{a}:", doc, re.MULTILINE)]
    assert not missing, f"{name}: no line in Args for {missing}"


@pytest.mark.parametrize(("registry", "name"), members(BACKBONES))
def test_backbone(registry, name):
    """Builds, keeps the map's shape, feeds every parameter, is deterministic in eval, survives a round trip."""
    build = lambda: registry.build(example(name))  # noqa: E731
    torch.manual_seed(0)
    model = build()
    view = clips(model)
    out = forward(model, view)
    assert out.dim() == 5
    if model.modality == "skeleton":
        assert out.shape[:3] == (N, M, model.out_channels)
        assert out[~view.mask].abs().max() == 0
    else:
        assert out.shape[:2] == (N, model.out_channels)
    (out * torch.randn_like(out)).sum().backward()
    every_parameter_learns(model)
    model.eval()
    assert torch.equal(forward(model, view), forward(model, view))
    round_trips(model, build)


@pytest.mark.parametrize(("registry", "name"), members(BACKBONES))
def test_backbone_takes_an_odd_length_one_frame_and_no_mask(registry, name):
    """Of video: odd sizes, and the fewest frames that it says it takes."""
    model = registry.build(example(name)).eval()
    x = clips(model, absent=False).data
    if model.modality == "video":
        for frames in (x.shape[2], x.shape[2] + 1):
            odd = torch.randn(N, x.shape[1], frames, x.shape[3] + 1, x.shape[4] + 3)
            assert model(odd).shape[:2] == (N, model.out_channels)
        return
    for frames in (1, 15):
        assert model(x[:, :, :frames]).shape[:3] == (N, M, model.out_channels)


@pytest.mark.parametrize(("registry", "name"), members(NECKS))
def test_neck(registry, name):
    torch.manual_seed(0)
    neck = registry.build(example(name))
    if hasattr(neck, "counts_absent"):
        feature = pack_persons(torch.randn(N, M, 8, 4, 5), skeletons().mask)
        assert neck(feature).shape == (N, 8)
        return
    if hasattr(neck, "pooled_channels"):  # of video
        x, channels = (
            torch.randn(N, 8, 3, 2, 2, requires_grad=True),
            neck.pooled_channels(SimpleNamespace(out_channels=8)),
        )
    else:
        x, channels = torch.randn(N, 8, requires_grad=True), neck.out_channels
    out = neck(x)
    assert out.shape == (N, channels)
    (out * torch.randn_like(out)).sum().backward()
    every_parameter_learns(neck)
    round_trips(neck, lambda: registry.build(example(name)))


@pytest.mark.parametrize(("registry", "name"), members(HEADS))
def test_head(registry, name):
    """Logits of a packed map; every parameter learns; deterministic in eval."""
    torch.manual_seed(0)
    head = registry.build(example(name))
    feature, pool = pack_persons(torch.randn(N, M, 8, 4, 5), skeletons().mask), SkeletonPool()
    out = head(feature, pool)
    assert out.shape == (N, head.num_classes)
    (out * torch.randn_like(out)).sum().backward()
    every_parameter_learns(head)
    head.eval()
    assert torch.equal(head(feature, pool), head(feature, pool))
    round_trips(head, lambda: registry.build(example(name)))


METHODS = [p for p in members(MODELS) if issubclass(MODELS.get(p.values[1]), SelfSupervisedModel)]


@pytest.mark.parametrize(("registry", "name"), METHODS)
@pytest.mark.parametrize("persons", ["mean", "valid_mean"])
def test_method(registry, name, persons):
    """The loss is a finite scalar that reaches every trainable parameter; predict gives a feature a sample."""
    config = example(name)
    config["encoder"]["pool"] = dict(type="SkeletonPool", persons=persons)
    torch.manual_seed(0)
    model = registry.build(config)
    model.init_weights()
    view = skeletons()
    views = {k: View(view.data + 0.1 * torch.randn_like(view.data), view.mask) for k in model.views_needed}
    losses = model(views, mode="loss")
    total, log = model.parse_losses(losses)
    assert total.dim() == 0
    assert all(torch.isfinite(torch.as_tensor(v)).all() for v in log.values())
    total.backward()
    every_parameter_learns(model)

    model.eval()
    features = model(view, mode="tensor")
    assert features.shape[0] == N
    assert torch.equal(features, model(view, mode="tensor"))
    samples = model(view, mode="predict")
    assert torch.equal(torch.stack([s.feature for s in samples]), features)
    round_trips(model, lambda: registry.build(config))


@pytest.mark.parametrize(("registry", "backbone"), members(BACKBONES))
@pytest.mark.parametrize("method", [p.values[1] for p in METHODS])
def test_any_method_with_any_backbone(registry, backbone, method):
    config = example(method)
    config["encoder"]["backbone"] = example(backbone)
    model = MODELS.build(config)
    backbone = next(part for part in model.modules() if isinstance(part, Encoder)).backbone
    view = clips(backbone)
    total, _ = model.parse_losses(model({k: view for k in model.views_needed}, mode="loss"))
    assert torch.isfinite(total)


AUGMENTATIONS = [p for p in members(TRANSFORMS) if hasattr(TRANSFORMS.get(p.values[1]), "draw")]


@pytest.mark.parametrize(("registry", "name"), AUGMENTATIONS)
def test_augmentation(registry, name):
    """Keeps shape, mask and absent persons, repeats with its generator, and replays a recorded draw."""
    config = dict(type=name)
    if name == "AugmentationSequence":
        config["transforms"] = [dict(type="Shear"), dict(type="GaussianNoise", prob=1.0)]
    if name == "BatchAugmentation":
        return
    augmentation = registry.build(config).bind("ntu25", 3)
    view = skeletons()
    before = view.data.clone()
    outs = [augmentation(view, torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(view.data, before), "the input was changed"
    assert torch.equal(outs[0].data, outs[1].data)
    assert outs[0].data.shape == view.data.shape
    assert outs[0].data[~view.mask].abs().max() == 0
    draws = augmentation.draw(view.data, torch.Generator().manual_seed(3))
    assert torch.equal(augmentation.apply(view.data, view.mask, draws), outs[0].data)


def test_encoder_pools_what_its_backbone_maps():
    torch.manual_seed(0)
    encoder = Encoder(SLIM).eval()
    view = skeletons()
    maps = encoder.backbone(view.data, view.mask).mean((3, 4))
    expected = torch.stack([row[m].mean(0) for row, m in zip(maps, view.mask)])
    torch.testing.assert_close(encoder.extract(view), expected)
