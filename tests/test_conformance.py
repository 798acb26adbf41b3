"""Every registered component keeps its contract. A new component needs one line in ``EXAMPLES`` here, or this fails."""

from __future__ import annotations

import copy
import inspect
import re

import numpy as np
import pytest
import torch
from torch import nn

from mmsync.errors import ProtocolError
from mmsync.evaluation.metrics import FeatureMetric
from mmsync.models.methods import SelfSupervisedModel
from mmsync.models.modules import Encoder
from mmsync.models.necks import SkeletonPool
from mmsync.registry import BACKBONES, DATASETS, HEADS, HOOKS, LOSSES, METRICS, MODELS, NECKS, PROBES, TRANSFORMS
from mmsync.structures import FeatureTable, MotionSample, SkeletonLayout, View
from tests import toy_modalities
from tests.maps import feature_map

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
    "MeanPool": dict(type="MeanPool"),
    "FramePool": dict(type="FramePool"),
    "SkeletonPool": dict(type="SkeletonPool"),
    "VideoPool": dict(type="VideoPool", time="gru", in_channels=8, hidden_channels=8),
    "MLPProjector": dict(type="MLPProjector", in_channels=8, out_channels=6, norm=True),
    # heads
    "LinearHead": dict(type="LinearHead", in_channels=8, num_classes=5),
    "ActionHead": dict(type="ActionHead", in_channels=8, num_joints=5, num_classes=5, hidden_channels=6, dropout=0.1),
    # models
    "Encoder": ENCODER,
    "MoCo": dict(type="MoCo", encoder=ENCODER, queue_size=8),
    "SkeletonCLR": dict(type="SkeletonCLR", encoder=ENCODER, queue_size=8),
    "AimCLR": dict(type="AimCLR", encoder=ENCODER, queue_size=8),
    "SimCLR": dict(type="SimCLR", encoder=ENCODER),
    "BYOL": dict(type="BYOL", encoder=ENCODER),
    "SimSiam": dict(type="SimSiam", encoder=ENCODER),
    "BarlowTwins": dict(type="BarlowTwins", encoder=ENCODER),
    "VICReg": dict(type="VICReg", encoder=ENCODER),
    "Sync3D": dict(type="Sync3D", encoder=ENCODER),
    "Classifier": dict(type="Classifier", encoder=ENCODER, head=dict(type="LinearHead", num_classes=5)),
    "VideoPreprocessor": dict(type="VideoPreprocessor"),
    "SkeletonPreprocessor": dict(type="SkeletonPreprocessor", layout="ntu25"),
    # probes
    "KNN": dict(type="KNN", k=3),
    "Retrieval": dict(type="Retrieval"),
    "OneShot": dict(type="OneShot", draws=2),
    "LinearProbe": dict(type="LinearProbe", epochs=2, lr=0.1),
    "MLPProbe": dict(type="MLPProbe", hidden=8, epochs=2),
    "Collapse": dict(type="Collapse"),
    "PairVerification": dict(type="PairVerification", draws=5),
    "AudioPreprocessor": dict(type="AudioPreprocessor"),
    "SequencePreprocessor": dict(type="SequencePreprocessor"),
    "ComposedPreprocessor": dict(
        type="ComposedPreprocessor",
        parts=dict(video=dict(type="VideoPreprocessor"), audio=dict(type="AudioPreprocessor")),
    ),
    # transforms that cannot be built without arguments
    "AugmentationSequence": dict(
        type="AugmentationSequence", transforms=[dict(type="Shear"), dict(type="GaussianNoise", prob=1.0)]
    ),
    "RandomWindow": dict(type="RandomWindow", frames=T),
}


TOYS = ["ToySpectrogramNet", "ToyFrameMixer"]
"""Backbones of tests/toy_modalities.py: one of sound, one of sequences."""


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
    if name in TOYS:
        return dict(type=name)
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
    """A batch that the backbone takes."""
    if backbone.modality == "skeleton":
        return skeletons(backbone.layout.name, backbone.in_channels, absent)
    if backbone.modality == "audio":
        return toy_modalities.spectrograms(N)
    if backbone.modality == "sequence":
        return toy_modalities.sequences(N)
    shape = (N, backbone.in_channels, backbone.min_frames, backbone.min_size, backbone.min_size)
    return View(torch.randn(shape, generator=torch.Generator().manual_seed(0)))


EVERY_BACKBONE = [*members(BACKBONES), *(pytest.param(BACKBONES, name, id=f"toy-{name}") for name in TOYS)]


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
    members(BACKBONES, NECKS, HEADS, LOSSES, MODELS, TRANSFORMS, DATASETS, METRICS, PROBES, HOOKS),
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


@pytest.mark.parametrize(("registry", "name"), EVERY_BACKBONE)
def test_backbone(registry, name):
    """Builds, gives a map with its axes, feeds every parameter, is deterministic in eval, survives a round trip."""
    build = lambda: registry.build(example(name))  # noqa: E731
    torch.manual_seed(0)
    model = build()
    view = clips(model)
    found = model(view)
    out = found.data
    assert out.dim() == len(found.axes) + 1
    assert out.shape[found.axis("D")] == model.out_channels
    assert (found.num_samples, len(found.owner)) == (N, len(out))
    if view.present is not None:
        assert found.owner.tolist() == view.present.nonzero()[:, 0].tolist()
        assert len(model(view, skip_absent=False).data) == view.present.numel()
    assert found.clips().shape == (len(out), model.out_channels)
    assert found.frames().shape[::2] == (len(out), model.out_channels)
    (out * torch.randn_like(out)).sum().backward()
    every_parameter_learns(model)
    model.eval()
    assert torch.equal(model(view).data, model(view).data)
    round_trips(model, build)


@pytest.mark.parametrize(("registry", "name"), EVERY_BACKBONE)
def test_frames_know_what_they_show_behind_the_backbone(registry, name):
    model = registry.build(example(name)).eval()
    view = clips(model, absent=False)
    frames = view.data.shape[{"skeleton": 2, "video": 2, "audio": 3, "sequence": 1}[model.modality]]
    index = torch.arange(frames, dtype=torch.float32).expand(N, -1)
    valid = torch.ones(N, frames, dtype=torch.bool)
    found = model(view._replace(index=index, valid=valid))
    steps = found.frames().shape[1]
    assert found.index.shape == found.valid.shape == (N, steps)
    assert bool(found.valid.all())
    assert float(found.index.mean()) == pytest.approx((frames - 1) / 2, abs=0.5)
    assert (found.index.diff() > 0).all()


@pytest.mark.parametrize(("registry", "name"), EVERY_BACKBONE)
def test_backbone_takes_an_odd_length_one_frame_and_no_mask(registry, name):
    """Of video: odd sizes, and the fewest frames that it says it takes."""
    model = registry.build(example(name)).eval()
    x = clips(model, absent=False).data
    if model.modality == "video":
        odd = [torch.randn(N, x.shape[1], x.shape[2] + more, x.shape[3] + 1, x.shape[4] + 3) for more in (0, 1)]
    elif model.modality == "skeleton":
        odd = [x[:, :, :frames] for frames in (1, 15)]
    else:
        odd = [x.transpose(1, -1)[:, :frames].transpose(1, -1) for frames in (1, 5)]
        odd = odd if model.modality == "audio" else [x[:, :frames] for frames in (1, 5)]
    for one in odd:
        assert model(View(one)).clips().shape[1] == model.out_channels


@pytest.mark.parametrize(("registry", "name"), members(NECKS))
def test_neck(registry, name):
    torch.manual_seed(0)
    neck = registry.build(example(name))
    if "Pool" in name:
        video = hasattr(neck, "recurrent")
        maps = torch.randn(N, M, 8, 4, 3, 3) if video else torch.randn(N, M, 8, 4, 5)
        feature = feature_map(maps, skeletons().present)._replace(axes="DTHW" if video else "DTV")
        feature.data.requires_grad_()
        out = neck(feature)
        assert out.shape == ((N, 4, 8) if name == "FramePool" else (N, 8))
    else:
        out = neck(torch.randn(N, 8, requires_grad=True))
        assert out.shape == (N, neck.out_channels)
    (out * torch.randn_like(out)).sum().backward()
    every_parameter_learns(neck)
    round_trips(neck, lambda: registry.build(example(name)))


@pytest.mark.parametrize(("registry", "name"), members(HEADS))
def test_head(registry, name):
    """Logits of a packed map; every parameter learns; deterministic in eval."""
    torch.manual_seed(0)
    head = registry.build(example(name))
    feature, pool = feature_map(torch.randn(N, M, 8, 4, 5), skeletons().present), SkeletonPool()
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
    views = {k: view._replace(data=view.data + 0.1 * torch.randn_like(view.data)) for k in model.views_needed}
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
    table = model(view, mode="predict")
    assert torch.equal(table["feature"], features)
    round_trips(model, lambda: registry.build(config))


@pytest.mark.parametrize(("registry", "backbone"), EVERY_BACKBONE)
@pytest.mark.parametrize("method", [p.values[1] for p in METHODS])
def test_any_method_with_any_backbone(registry, backbone, method):
    config = example(method)
    config["encoder"]["backbone"] = example(backbone)
    model = MODELS.build(config)
    backbone = next(part for part in model.modules() if isinstance(part, Encoder)).backbone
    view = clips(backbone)
    if method == "Sync3D" and backbone.modality != "skeleton":  # two tracks of each sample
        frames = {"data": torch.stack([view.data, view.data.flip(0)], 1)}
        view = view._replace(**frames)
    total, _ = model.parse_losses(model({k: view for k in model.views_needed}, mode="loss"))
    assert torch.isfinite(total)


AUGMENTATIONS = [p for p in members(TRANSFORMS) if hasattr(TRANSFORMS.get(p.values[1]), "draw")]


def tracks() -> View:
    """A batch of video of two tracks each, one of them absent."""
    present = torch.ones(N, M, dtype=torch.bool)
    present[1:, 1] = False
    return View(torch.rand(N, M, 3, T, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1, present)


@pytest.mark.parametrize("prob", [None, 0.5])
@pytest.mark.parametrize(("registry", "name"), AUGMENTATIONS)
def test_augmentation(registry, name, prob):
    """Keeps shape, mask and absent persons, repeats with its generator, replays a recorded draw, and leaves the samples
    alone that are not to be augmented."""
    config = EXAMPLES.get(name, dict(type=name))
    if prob is not None:
        if "prob" not in inspect.signature(registry.get(name)).parameters:
            pytest.skip(f"{name} always augments")
        config = dict(config, prob=prob)
    augmentation = registry.build(config)
    view = {"skeleton": skeletons, "video": tracks}[augmentation.modality]()
    augmentation.bind(*{"skeleton": ("ntu25", 3), "video": (8,)}[augmentation.modality])
    before = view.data.clone()
    outs = [augmentation(view, torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(view.data, before), "the input was changed"
    assert torch.equal(outs[0].data, outs[1].data)
    assert outs[0].data.shape == view.data.shape == augmentation.out_like(view.data).shape
    assert outs[0].present is view.present
    assert outs[0].index.shape == (N, T)
    if augmentation.modality == "skeleton":
        assert outs[0].data[~view.present].abs().max() == 0
    draws = augmentation.draw(view.data, torch.Generator().manual_seed(3))
    assert torch.equal(augmentation.apply(view, draws).data, outs[0].data)
    if prob is not None:
        left = augmentation.apply(view, {**draws, "apply": torch.zeros(N, dtype=torch.bool)})
        torch.testing.assert_close(left.data, view.data, atol=1e-5, rtol=1e-5)


def test_encoder_pools_what_its_backbone_maps():
    torch.manual_seed(0)
    encoder = Encoder(SLIM).eval()
    view = skeletons()
    maps = encoder.backbone(View(view.data)).data.unflatten(0, (N, M)).mean((3, 4))
    expected = torch.stack([row[m].mean(0) for row, m in zip(maps, view.present)])
    torch.testing.assert_close(encoder.extract(view), expected)


def test_two_encoders_of_two_modalities():
    """A method of two named encoders trains, predicts the features of both, and declares its weights."""
    torch.manual_seed(0)
    encoders = {
        "video": dict(ENCODER, backbone=example("VideoResNet")),
        "audio": dict(ENCODER, backbone=dict(type="ToySpectrogramNet")),
    }
    config = dict(type="ToyPicturesAndSound", **encoders)
    model = MODELS.build(config)
    assert model.encoder_prefixes(config) == {"video": "video.", "audio": "audio."}
    views = {name: clips(getattr(model, name).backbone) for name in model.views_needed}
    total, _ = model.parse_losses(model(views, mode="loss"))
    total.backward()
    every_parameter_learns(model)
    table = model.eval()(views, mode="predict")
    assert (table["feature"].shape, table["feature_audio"].shape) == ((N, 32), (N, 8))


@pytest.mark.parametrize("name", ["SkeletonViT", "DSTformer"])
def test_masked_prediction_encodes_visible_tokens_only(name):
    torch.manual_seed(0)
    model = MODELS.build(dict(type="ToyMaskedMotion", encoder=dict(type="Encoder", backbone=example(name))))
    backbone, view = model.encoder.backbone.eval(), skeletons(absent=False)
    total, _ = model.parse_losses(model({"clip": view}, mode="loss"))
    total.backward()
    rows = view.data.flatten(0, 1)
    tokens = backbone.tokens(rows)
    places = tokens.shape[1] * tokens.shape[2]
    everything = torch.arange(places).expand(len(rows), -1)
    whole = backbone.forward_rows(rows).permute(0, 2, 3, 1).flatten(1, 2)
    torch.testing.assert_close(backbone.encode(tokens, everything), whole)
    keep = torch.rand(len(rows), places).argsort(1)[:, : places // 3]
    changed = tokens.flatten(1, 2).clone()
    hidden = torch.ones(len(rows), places, dtype=torch.bool).scatter_(1, keep, False)
    changed[hidden] = 7.0  # what is hidden has no influence
    seen = backbone.encode(tokens, keep)
    assert seen.shape == (len(rows), places // 3, backbone.out_channels)
    torch.testing.assert_close(backbone.encode(changed.view_as(tokens), keep), seen)


def test_projectors_see_valid_frames_only():
    torch.manual_seed(0)
    projector = dict(type="MLPProjector", out_channels=6, norm=True, norm_last=True)
    encoder = Encoder(dict(type="ToyFrameMixer"), pool=dict(type="FramePool"), projector=projector)
    view = toy_modalities.sequences(N)
    out = encoder(view)
    feature = encoder.forward_map(view)
    assert out.shape == (N, 5, 6)
    assert not out[~feature.valid].any()
    rows = out[feature.valid]
    torch.testing.assert_close(rows.mean(0), torch.zeros(6), atol=1e-5, rtol=0)  # the statistics are of valid frames
    frames = encoder.eval().extract(view)
    assert [len(x) for x in frames] == feature.valid.sum(1).tolist()


@pytest.mark.parametrize(("registry", "name"), members(PROBES))
@pytest.mark.parametrize("frames", [False, True])
def test_probe(registry, name, frames):
    """Gives its headline, repeats itself, leaves the table as it was, takes sequences, and names a missing column."""
    g = torch.Generator().manual_seed(0)
    features = torch.randn(24, 5, generator=g)
    column = [features[i] + torch.zeros(2 + i % 3, 1) for i in range(24)] if frames else features
    table = FeatureTable(
        dict(
            feature=column, joints=column, distance=features[:, 0], positive=torch.arange(24) % 2,
            label=torch.arange(24) % 3, index=torch.arange(24), name=[f"s{i}" for i in range(24)],
            role=["bank", "bank", "query"] * 8, kind=["positive", "hard"] * 12,
        )
    )  # fmt: skip
    metric = FeatureMetric([example(name)], collapse=False)
    (key,) = metric.probes
    probe = metric.probes[key]
    before, state = copy.deepcopy(table.columns), torch.get_rng_state()
    found = metric.compute_metrics([table])
    assert f"{probe.name}/{probe.headline}" in found
    assert all(isinstance(value, (int, float)) for value in found.values())
    assert metric.compute_metrics([table]) == found
    assert torch.equal(state, torch.get_rng_state())
    for one, other in ((table[k], v) for k, v in before.items()):
        assert all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in zip(one, other))
    for missing in probe.columns:
        with pytest.raises(ProtocolError, match=f"`{missing}`|joint"):
            metric.compute_metrics([table.select(k for k in table if k != missing)])


TOY_ENCODERS = {
    "spectrogram": dict(type="Encoder", backbone=dict(type="ToySpectrogramNet")),
    "frames": dict(type="Encoder", backbone=dict(type="ToyFrameMixer"), pool=dict(type="FramePool")),
}
REFUSED = {"PairVerification": "`distance`.*Sync3D", "MLPProbe": "features of each joint"}
"""Probes whose own columns such a model does not predict, with the message that says so."""


def predict_roles(model: nn.Module, kind: str, metric: FeatureMetric, sizes: list[int]) -> FeatureTable:
    """Evaluate a metric on batches of samples of the roles bank and query in turn, and return the whole table."""
    total, start, tables = sum(sizes), 0, []
    whole = toy_modalities.spectrograms(total) if kind == "spectrogram" else toy_modalities.sequences(total, frames=40)
    for size in sizes:
        rows = slice(start, start + size)
        view = View(*(None if part is None else part[rows] for part in whole))
        samples = [
            MotionSample(gt_label=i // 2 % 3, metainfo=dict(index=i, name=f"s{i}", role=("bank", "query")[i % 2]))
            for i in range(start, start + size)
        ]
        with torch.no_grad():
            table = model({name: view for name in model.views_for_features}, samples, mode="predict")
        metric.process(None, table)
        tables.append(table)
        start += size
    return FeatureTable.cat(tables)


@pytest.mark.parametrize(("registry", "name"), members(PROBES))
@pytest.mark.parametrize("kind", TOY_ENCODERS)
def test_any_probe_on_any_modality(registry, name, kind):
    """Sound and ragged sequences reach every probe by SimCLR's predict, in batches of any size, or it refuses them."""
    torch.manual_seed(0)
    projector = dict(type="MLPProjector", out_channels=6)
    model = MODELS.build(dict(type="SimCLR", encoder=dict(TOY_ENCODERS[kind], projector=projector))).eval()
    if name in REFUSED:
        with pytest.raises(ProtocolError, match=REFUSED[name]):
            predict_roles(model, kind, FeatureMetric([example(name)]), [24])
        if "column" not in inspect.signature(registry.get(name)).parameters:
            return
    config = dict(example(name), column="feature")
    metric = FeatureMetric([config], collapse=False)
    ((key, probe),) = metric.probes.items()
    table = predict_roles(model, kind, metric, [24])
    found = metric.evaluate(24)
    assert f"{key}/{probe.headline}" in found
    assert all(np.isfinite(value) for value in found.values())

    feature = table["feature"]
    if kind == "frames":  # frames that do not count after the stride are not among the features
        assert [tuple(x.shape) for x in feature] == [((40 - i + 1) // 2, 8) for i in range(24)]
        means = torch.stack([x.mean(0) for x in feature])
    else:
        assert feature.shape == (24, 8)
        means = feature
    clips = FeatureTable({**table.columns, "feature": means})
    assert FeatureMetric([config], collapse=False).compute_metrics([clips]) == pytest.approx(found, abs=1e-4)
    batches = FeatureMetric([config], collapse=False)
    predict_roles(model, kind, batches, [7, 1, 16])
    assert batches.evaluate(24) == pytest.approx(found, abs=1e-4)
