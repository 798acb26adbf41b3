"""Every registered component keeps its contract. A new component needs one line in ``EXAMPLES`` here, or this fails."""

from __future__ import annotations

import copy
import inspect

import numpy as np
import pytest
import torch
from torch import nn

from mmsync import testing
from mmsync.errors import ConfigError, DataError, LayoutError, ProtocolError
from mmsync.evaluation.metrics import FeatureMetric
from mmsync.models.methods import SelfSupervisedModel, SequenceModel, UmURL
from mmsync.models.methods.streams import StreamContrast
from mmsync.models.modules import Encoder
from mmsync.registry import BACKBONES, DATASETS, HEADS, HOOKS, LOSSES, METRICS, MODELS, NECKS, PROBES, TRANSFORMS
from mmsync.structures import FeatureTable, MotionSample, View
from mmsync.testing import example_samples, skeletons, view_for
from tests import toy_modalities  # noqa: F401  # registers its classes

pytestmark = pytest.mark.conformance

N, M, T = 4, 2, 16
SLIM = dict(type="STGCN", channels=[6, 8], strides=[1, 2], dropout=0.1, temporal_kernel=3)
ENCODER = dict(type="Encoder", backbone=SLIM, projector=dict(type="MLPProjector", out_channels=6))
FRAMES = dict(ENCODER, pool=dict(type="FramePool"))
TOKENS = dict(type="Encoder", backbone=dict(type="SkeletonViT", embed_dim=8, depth=1, num_heads=2, clip_len=16))
DECODER = dict(embed_dim=8, depth=1, num_heads=2)
CONTEXT = dict(encoder=dict(FRAMES, projector=None), context=dict(type="CrossContext", layers=["self", "cross"]))

EXAMPLES: dict[str, dict] = {
    # backbones
    "STGCN": SLIM,
    "DSTformer": dict(type="DSTformer", embed_dim=8, rep_dim=6, depth=1, num_heads=2, max_len=16, drop_rate=0.1),
    "SkeletonViT": dict(type="SkeletonViT", embed_dim=8, depth=1, num_heads=2, clip_len=16, drop_path_rate=0.1),
    "PartTransformer": dict(type="PartTransformer", embed_dim=8, depth=1, num_heads=2, drop_path_rate=0.1),
    "SkeletonResNet": dict(type="SkeletonResNet", depth=18, width=0.0625),
    "BiGRU": dict(type="BiGRU", hidden_channels=4, num_layers=2),
    "I3D": dict(type="I3D", width=0.0625),
    "VideoResNet": dict(type="VideoResNet", width=0.0625),
    "FrameVGG": dict(type="FrameVGG", widths=[4, 8]),
    "FlowVGG": dict(type="FlowVGG", frames=1, width=0.02),
    "MultisensoryStem": dict(type="MultisensoryStem", width=8),
    "SyncNetLip": dict(type="SyncNetLip", out_channels=8, width=0.05, size=63),
    "SyncNetAudio": dict(type="SyncNetAudio", out_channels=8, width=0.05),
    "AudioVGG": dict(type="AudioVGG", widths=[4, 8]),
    "WaveformNet": dict(type="WaveformNet", widths=[4, 4, 8, 8]),
    "SignalCNN": dict(type="SignalCNN", in_channels=6, widths=[4, 8]),
    "FrameMLP": dict(type="FrameMLP", in_channels=6, widths=[8, 5]),
    "RawFrames": dict(type="RawFrames", in_channels=6),
    "FusedFrames": dict(
        type="FusedFrames",
        splits=[4, 2],
        parts=[dict(type="FrameMLP", widths=[8]), dict(type="RawFrames")],
        out_channels=8,
    ),
    "SkeletonFrames": dict(
        type="SkeletonFrames", backbone=dict(SLIM, layout=dict(name="bone2", joints=2, parents=[0, 0]), in_channels=3)
    ),
    "ConvContextEmbedder": dict(
        type="ConvContextEmbedder", in_channels=6, out_channels=8, stride=2, conv_channels=[8, 8], widths=[8]
    ),
    "CARLTransformerHead": dict(
        type="CARLTransformerHead",
        in_channels=6,
        widths=[8],
        dim=8,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        out_channels=8,
        train_frames=10,
    ),
    # necks
    "AlignProjector": dict(type="AlignProjector", in_channels=8, out_channels=6),
    "AttentionPool": dict(type="AttentionPool", queries=2, num_heads=2, in_channels=8),
    "ClipClusterPredictor": dict(type="ClipClusterPredictor", in_channels=8),
    "MultiHeadNeck": dict(type="MultiHeadNeck", in_channels=8, out_channels=6, num_heads=3),
    "MeanPool": dict(type="MeanPool"),
    "FramePool": dict(type="FramePool"),
    "MaxPool": dict(type="MaxPool"),
    "SegmentPartPool": dict(type="SegmentPartPool", segments=2, parts=[[0, 1], [2, 3, 4]], norm=True, in_channels=8),
    "SkeletonPool": dict(type="SkeletonPool"),
    "VideoPool": dict(type="VideoPool", time="gru", in_channels=8, hidden_channels=8),
    "MLPProjector": dict(type="MLPProjector", in_channels=8, out_channels=6, norm=True),
    "Whitening": dict(type="Whitening", in_channels=8),
    # heads
    "LinearHead": dict(type="LinearHead", in_channels=8, num_classes=5),
    "ActionHead": dict(type="ActionHead", in_channels=8, num_joints=5, num_classes=5, hidden_channels=6, dropout=0.1),
    # losses
    "MixtureCycleLoss": dict(type="MixtureCycleLoss", dim=5, components=3, delta=0.1),  # margins of one frame
    # models
    "Encoder": ENCODER,
    "MoCo": dict(type="MoCo", encoder=ENCODER, queue_size=8),
    "SkeletonCLR": dict(type="SkeletonCLR", encoder=ENCODER, queue_size=8),
    "AimCLR": dict(type="AimCLR", encoder=ENCODER, queue_size=8),
    "CrosSCLR": dict(type="CrosSCLR", encoder=ENCODER, queue_size=8),
    "UmURL": dict(type="UmURL", encoder=dict(ENCODER, projector=None)),
    "CMD": dict(type="CMD", encoder=ENCODER, queue_size=8, topk=4),
    "SimCLR": dict(type="SimCLR", encoder=ENCODER),
    "BYOL": dict(type="BYOL", encoder=ENCODER),
    "SimSiam": dict(type="SimSiam", encoder=ENCODER),
    "BarlowTwins": dict(type="BarlowTwins", encoder=ENCODER),
    "VICReg": dict(type="VICReg", encoder=ENCODER),
    **{name: dict(type=name, encoder=TOKENS, decoder=DECODER) for name in ("MAMP", "SkeletonMAE", "SJEPA")},
    "TokenDecoder": dict(type="TokenDecoder", **DECODER),
    "PSTL": dict(type="PSTL", encoder=ENCODER),
    "HiCLR": dict(type="HiCLR", encoder=ENCODER, queue_size=8),
    "SkeleMixCLR": dict(type="SkeleMixCLR", encoder=ENCODER, queue_size=8),
    "Sync3D": dict(type="Sync3D", encoder=ENCODER),
    "AVTS": dict(type="AVTS", video=ENCODER, audio=ENCODER),
    "SyncNet": dict(type="SyncNet", video=ENCODER, audio=ENCODER),
    "TwoStreamSync": dict(type="TwoStreamSync", first=ENCODER, second=ENCODER),
    "L3Net": dict(type="L3Net", video=ENCODER, audio=ENCODER),
    "GDT": dict(type="GDT", video=ENCODER, audio=ENCODER),
    "AVID": dict(type="AVID", video=ENCODER, audio=ENCODER, num_videos=4),
    "PlaybackDirection": dict(type="PlaybackDirection", encoder=dict(ENCODER, projector=None)),
    "ArrowOfTime": dict(
        type="ArrowOfTime", hidden_channels=8, encoder=dict(type="Encoder", backbone=dict(type="FlowVGG", width=0.02))
    ),
    "Multisensory": dict(
        type="Multisensory",
        fusion_widths=[8, 8, 8, 8, 8, 8],
        video=dict(type="Encoder", backbone=dict(type="MultisensoryStem", width=8)),
        audio=dict(type="Encoder", backbone=dict(type="WaveformNet", widths=[4, 4, 8, 8])),
    ),
    "OnOffScreen": dict(
        type="OnOffScreen",
        widths=[4, 4, 8, 8, 8],
        n_fft=128,
        window=128,
        hop=64,
        video=dict(type="Encoder", backbone=dict(type="MultisensoryStem", width=8)),
    ),
    "MASA": dict(
        type="MASA",
        projector=dict(type="AlignProjector", out_channels=6),
        predictor=dict(type="ClipClusterPredictor"),
        **CONTEXT,
    ),
    "CASA": dict(type="CASA", **CONTEXT),
    **{name: dict(type=name, encoder=FRAMES) for name in ("TCC", "TCN", "LAV", "VAVA", "CARL", "VSP")},
    "GTCC": dict(type="GTCC", encoder=FRAMES, loss=dict(type="MixtureCycleLoss", components=2, steps=5)),
    **{name: dict(type=name, encoder=FRAMES) for name in ("FrameSimSiam", "FrameBYOL")},
    "Classifier": dict(type="Classifier", encoder=ENCODER, head=dict(type="LinearHead", num_classes=5)),
    "VideoPreprocessor": dict(type="VideoPreprocessor"),
    "SkeletonPreprocessor": dict(type="SkeletonPreprocessor", layout="ntu25"),
    # probes
    "AttentionProbe": dict(type="AttentionProbe", cells=1, epochs=2),
    "KNN": dict(type="KNN", k=3),
    "Retrieval": dict(type="Retrieval"),
    "OneShot": dict(type="OneShot", draws=2),
    "LinearProbe": dict(type="LinearProbe", epochs=2, lr=0.1),
    "MLPProbe": dict(type="MLPProbe", hidden=8, epochs=2),
    "Collapse": dict(type="Collapse"),
    "LabelFree": dict(type="LabelFree", clusters=3),
    "PairVerification": dict(type="PairVerification", draws=5),
    "OffsetEstimation": dict(type="OffsetEstimation"),
    "DirectionAccuracy": dict(type="DirectionAccuracy"),
    "Pointing": dict(type="Pointing"),
    "SeparationQuality": dict(type="SeparationQuality"),
    "SVMProbe": dict(type="SVMProbe", C=[0.1, 1.0]),
    "LogisticProbe": dict(type="LogisticProbe", C=[0.1, 1.0]),
    "KendallTau": dict(type="KendallTau", stride=1),
    "FrameRetrieval": dict(type="FrameRetrieval", k=[1, 2], stride=1),
    "PhaseClassification": dict(type="PhaseClassification"),
    "PhaseProgress": dict(type="PhaseProgress"),
    "ActionRecognition": dict(type="ActionRecognition", num_frames=3),
    "ActivitySeparability": dict(type="ActivitySeparability", k=2, num_frames=3),
    "PositionProbe": dict(type="PositionProbe"),
    "FewShotPhases": dict(type="FewShotPhases", shots=[1, 2], episodes=2),
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
    "OneOf": dict(type="OneOf", transforms=[dict(type="Shear"), dict(type="JointCorruption", prob=0.5)]),
    "RandomWindow": dict(type="RandomWindow", frames=T),
    "SampleFrames": dict(type="SampleFrames", num=7),
    "TCNPairs": dict(type="TCNPairs", num=3),
}


HOOK_ARGUMENTS = {"CurriculumHook": dict(stages=[(0, dict(easy=1))])}
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


EVERY_BACKBONE = [*members(BACKBONES), *(pytest.param(BACKBONES, name, id=f"toy-{name}") for name in TOYS)]


@pytest.mark.parametrize(
    ("registry", "name"),
    members(BACKBONES, NECKS, HEADS, LOSSES, MODELS, TRANSFORMS, DATASETS, METRICS, PROBES, HOOKS),
)
def test_docstring_tells_what_it_is_and_in_which_shapes(registry, name):
    testing.check_docstring(registry.get(name), shapes=registry is not HOOKS)


@pytest.mark.parametrize(("registry", "name"), EVERY_BACKBONE)
def test_backbone(registry, name):
    testing.check_backbone(example(name))


@pytest.mark.parametrize(("registry", "name"), EVERY_BACKBONE)
def test_backbone_takes_an_odd_length_one_frame_and_no_mask(registry, name):
    """Of video: odd sizes, and the fewest frames that it says it takes."""
    model = registry.build(example(name)).eval()
    x = view_for(model, absent=False).data
    if model.modality == "video":
        odd = [torch.randn(N, x.shape[1], x.shape[2] + more, x.shape[3] + 1, x.shape[4] + 3) for more in (0, 1)]
    elif model.modality == "skeleton":
        odd = [x[:, :, :frames] for frames in (1, 15)]
    else:
        audio, least = model.modality == "audio", getattr(model, "min_frames", 1)
        odd = [x.narrow(-1, 0, least), torch.cat([x, x[..., :5]], -1)] if audio else [x[:, :1], x[:, :5]]
    for one in odd:
        assert model(View(one)).clips().shape[1] == model.out_channels


@pytest.mark.parametrize(("registry", "name"), members(NECKS))
def test_neck(registry, name):
    video = name == "VideoPool"
    feature = testing.example_map("DTHW" if video else "DTV") if "Pool" in name else None
    feature = torch.randn(N, 4, 8) if name == "ClipClusterPredictor" else feature
    testing.check_neck(example(name), feature, (N, 4, 8) if name in ("FramePool", "ClipClusterPredictor") else None)


@pytest.mark.parametrize(("registry", "name"), members(HEADS))
def test_head(registry, name):
    testing.check_head(example(name))


def unit(*shape: int) -> torch.Tensor:
    return nn.functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(0)), dim=1)


def ragged(frames: int, seed: int) -> tuple[torch.Tensor, ...]:
    """Embeddings ``(8, T, 5)``, source frames and mask ``(8, T)``, of which two ranks have different numbers."""
    rows = torch.randn(8, frames, 5, generator=torch.Generator().manual_seed(seed))
    index = torch.arange(float(frames)).repeat(8, 1) + seed
    return rows, index, torch.arange(frames) < torch.tensor([2, 3, 3, 2, 4, 6, 5, 6])[:, None]


PAIRS = (torch.linspace(0.1, 2.0, 8), torch.arange(8) % 2)
(Z1, G1, V1), (Z2, G2, V2) = ragged(6, 0), ragged(7, 1)
LOSS_INPUTS = {
    "ContrastiveLoss": PAIRS,
    "PairBCELoss": PAIRS,
    "InfoNCELoss": tuple(
        nn.functional.normalize(torch.randn(8, 5, generator=torch.Generator().manual_seed(i))) for i in (0, 1)
    )
    + (nn.functional.normalize(torch.randn(5, 6, generator=torch.Generator().manual_seed(2)), dim=0),),
    "BrownianBridgeLoss": (Z1, G1, torch.arange(6).expand(8, -1) < 3),  # one triplet each
    "CASAMatchingLoss": (Z1, Z2, G1, G2, V1, V2),
    "ContrastiveIDM": (Z1, G1, torch.full((8,), 9), V1),
    "CycleConsistencyLoss": (Z1, Z2, G1, torch.full((8,), 9), V1, V2),
    "IndexMatchingLoss": (Z1, Z2, Z1.flip(2), Z2.flip(2), G1, G2, V1, V2),
    "MixtureCycleLoss": (Z1, Z2, V1, V2),
    "NPairsLoss": (Z1, Z1.flip(2), V1),
    "SequenceContrastLoss": (Z1, Z2, G1, G2, V1, V2),
    "SinkhornPriorLoss": (Z1, Z2, V1, V2),
    "SoftDTWLoss": (Z1, Z2, V1, V2),
}


@pytest.mark.parametrize(("registry", "name"), members(LOSSES))
def test_loss(registry, name):
    """Two ranks equal one, too."""
    config = EXAMPLES.get(name, dict(type=name))
    testing.check_loss(config, *LOSS_INPUTS.get(name, ()), shared=(2,) if name == "InfoNCELoss" else ())
    if name == "InfoNCELoss":  # of two embeddings alone, too
        testing.check_loss(config)


def encoders(config: dict) -> list[dict]:
    """Configs of the encoders of a method."""
    return [one for one in config.values() if isinstance(one, dict) and one.get("type") == "Encoder"]


FIXED = ("ArrowOfTime", "Multisensory", "OnOffScreen")
"""Methods whose own layers follow maps of video, or of video and sound."""


def views_of(model: nn.Module) -> dict[str, View] | None:
    """Views of a method whose input is not that of its encoders alone."""
    if type(model).__name__ == "ArrowOfTime":  # two segments
        view = view_for(model.encoder.backbone)
        return {"video": view._replace(data=torch.stack([view.data, view.data.flip(0)], 1))}
    if type(model).__name__ == "Multisensory":
        sound = view_for(model.audio.backbone)
        contrast = sound._replace(data=sound.data.flip(-1))
        return {"video": view_for(model.video.backbone), "audio": sound, "contrast": contrast}
    if type(model).__name__ == "OnOffScreen":
        sounds = torch.randn(2, N, 1, 1024, generator=torch.Generator().manual_seed(0))
        return {"video": view_for(model.video.backbone), "audio": View(sounds[0]), "contrast": View(sounds[1])}
    return None


METHODS = [p for p in members(MODELS) if issubclass(MODELS.get(p.values[1]), SelfSupervisedModel)]


@pytest.mark.parametrize(("registry", "name"), METHODS)
@pytest.mark.parametrize("persons", ["mean", "valid_mean"])
def test_method(registry, name, persons):
    config = example(name)
    if name not in FIXED:
        for encoder in encoders(config):
            encoder["pool"] = dict(type=encoder.get("pool", dict(type="SkeletonPool"))["type"], persons=persons)
    testing.check_method(config, views_of(MODELS.build(config)))


@pytest.mark.parametrize(("registry", "backbone"), EVERY_BACKBONE)
@pytest.mark.parametrize("method", [p.values[1] for p in METHODS if p.values[1] not in FIXED])
def test_any_method_with_any_backbone(registry, backbone, method):
    config = example(method)
    for encoder in encoders(config):
        encoder["backbone"] = example(backbone)
    if issubclass(MODELS.get(method), (StreamContrast, UmURL)) and BACKBONES.get(backbone).modality != "skeleton":
        with pytest.raises(LayoutError, match=f"{method} needs the bones of a skeleton"):
            MODELS.build(config)
        return
    if MODELS.get(method).needs_tokens and not hasattr(BACKBONES.get(config["encoder"]["backbone"]["type"]), "encode"):
        with pytest.raises(ConfigError, match=f"{method} encodes visible tokens only, and .* has no tokens"):
            MODELS.build(config)
        return
    if MODELS.get(method).needs_joints and not hasattr(registry.get(backbone), "forward_without"):
        with pytest.raises(ConfigError, match=f"{method} masks joints, and {backbone} takes no skeletons"):
            MODELS.build(config)
        return
    model = MODELS.build(config)
    backbone = next(part for part in model.modules() if isinstance(part, Encoder)).backbone
    view = view_for(backbone)
    if method == "Sync3D" and backbone.modality != "skeleton":  # two tracks of each sample
        frames = {"data": torch.stack([view.data, view.data.flip(0)], 1)}
        view = view._replace(**frames)
    views = {k: view for k in model.views_needed}
    if method == "VSP" and model.encoder(view).shape[1] < 3:
        with pytest.raises(DataError, match="a bridge needs 3"):
            model(views, example_samples(), mode="loss")
        return
    total, _ = model.parse_losses(model(views, example_samples(), mode="loss"))
    assert torch.isfinite(total)


@pytest.mark.parametrize("name", [p.values[1] for p in METHODS if issubclass(MODELS.get(p.values[1]), SequenceModel)])
def test_methods_of_frames_refuse_an_encoder_that_pools_them(name):
    config = example(name)
    for encoder in encoders(config):
        encoder["pool"] = dict(type="MeanPool")
    model = MODELS.build(config)
    with pytest.raises(ConfigError, match=f"{name} compares frames.*type='FramePool'"):
        model(skeletons(), example_samples(), mode="loss")


@pytest.mark.parametrize("backbone", ["MultisensoryStem", "VideoResNet", "FrameVGG", "FlowVGG"])
@pytest.mark.parametrize("method", FIXED)
def test_methods_on_maps_of_video_with_any_backbone_of_video(method, backbone):
    config = example(method)
    encoders(config)[0]["backbone"] = example(backbone)
    model = MODELS.build(config)
    total, _ = model.parse_losses(model(views_of(model), example_samples(), mode="loss"))
    assert torch.isfinite(total)


AUGMENTATIONS = [p for p in members(TRANSFORMS) if hasattr(TRANSFORMS.get(p.values[1]), "draw")]


@pytest.mark.parametrize("prob", [None, 0.5])
@pytest.mark.parametrize(("registry", "name"), AUGMENTATIONS)
def test_augmentation(registry, name, prob):
    config = EXAMPLES.get(name, dict(type=name))
    if prob is not None:
        if "prob" not in inspect.signature(registry.get(name)).parameters:
            pytest.skip(f"{name} always augments")
        config = dict(config, prob=prob)
    testing.check_augmentation(config)


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
    testing.check_method(config)
    model = MODELS.build(config)
    assert model.encoder_prefixes(config) == {"video": "video.", "audio": "audio."}
    views = {name: view_for(getattr(model, name).backbone) for name in model.views_needed}
    table = model.eval()(views, mode="predict")
    assert (table["feature"].shape, table["feature_audio"].shape) == ((N, 32), (N, 8))


@pytest.mark.parametrize("name", ["SkeletonViT", "DSTformer", "PartTransformer"])
def test_masked_prediction_encodes_visible_tokens_only(name):
    torch.manual_seed(0)
    model = MODELS.build(dict(type="ToyMaskedMotion", encoder=dict(type="Encoder", backbone=example(name))))
    backbone = model.encoder.backbone.eval()
    view = view_for(backbone, absent=False)
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
    view = testing.sequences(N)
    out = encoder(view)
    feature = encoder.forward_map(view)
    assert out.shape == (N, 5, 6)
    assert not out[~feature.valid].any()
    rows = out[feature.valid]
    torch.testing.assert_close(rows.mean(0), torch.zeros(6), atol=1e-5, rtol=0)  # the statistics are of valid frames
    frames = encoder.eval().extract(view)
    assert [len(x) for x in frames] == feature.valid.sum(1).tolist()


@pytest.mark.parametrize(("registry", "name"), members(PROBES))
def test_probe(registry, name):
    testing.check_probe(example(name))


@pytest.mark.parametrize(
    "config", [dict(type="Accuracy", topk=(1,)), dict(type="FeatureMetric", probes=[dict(type="KNN", k=3)])]
)
def test_metric(config):
    testing.check_metric(config)


@pytest.mark.parametrize(("registry", "name"), members(HOOKS))
def test_hook(registry, name):
    testing.check_hook(dict(type=name, **HOOK_ARGUMENTS.get(name, {})))


def test_source_and_data_set():
    source = dict(type="SyntheticSource", num_clips=(12, 6))
    testing.check_source(source)
    pipeline = [dict(type="CropResize", length=16), dict(type="PackSkeleton")]
    testing.check_dataset(dict(type="SkeletonDataset", source=source, pipeline=pipeline))


TOY_ENCODERS = {
    "spectrogram": dict(type="Encoder", backbone=dict(type="ToySpectrogramNet")),
    "frames": dict(type="Encoder", backbone=dict(type="ToyFrameMixer"), pool=dict(type="FramePool")),
}
REFUSED = {
    "PairVerification": "`distance`.*Sync3D",
    "OffsetEstimation": "`distances`.*slide",
    "MLPProbe": "features of each joint",
    "DirectionAccuracy": "`backward`.*PlaybackDirection",
    "Pointing": "`sound_map`.*Multisensory",
    "SeparationQuality": "`separation`.*OnOffScreen",
    "FrameRetrieval": "`phase`.*SequenceDataset",
    "PhaseClassification": "`phase`.*SequenceDataset",
    "PhaseProgress": "`phase`.*SequenceDataset",
    "FewShotPhases": "`phase`.*SequenceDataset",
    "ActionRecognition": "`phase`.*SequenceDataset",
}
"""Probes whose own columns such a model does not predict, with the message that says so."""


def predict_roles(model: nn.Module, kind: str, metric: FeatureMetric, sizes: list[int]) -> FeatureTable:
    """Evaluate a metric on batches of samples of the roles bank and query in turn, and return the whole table."""
    total, start, tables = sum(sizes), 0, []
    whole = testing.spectrograms(total) if kind == "spectrogram" else testing.sequences(total, frames=40)
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
        if "column" not in inspect.signature(registry.get(name)).parameters or registry.get(name).of_frames:
            return
    config = dict(example(name), column="feature")
    metric = FeatureMetric([config], collapse=False)
    ((key, probe),) = metric.probes.items()
    table = predict_roles(model, kind, metric, [24])
    if probe.of_frames and kind == "spectrogram":
        with pytest.raises(ProtocolError, match="FramePool"):
            metric.evaluate(24)
        return
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
    if not probe.of_frames:
        assert FeatureMetric([config], collapse=False).compute_metrics([clips]) == pytest.approx(found, abs=1e-4)
    batches = FeatureMetric([config], collapse=False)
    predict_roles(model, kind, batches, [7, 1, 16])
    assert batches.evaluate(24) == pytest.approx(found, abs=1e-4)
