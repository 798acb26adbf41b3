"""Exported graphs compute what PyTorch does, for other numbers of clips, persons and frames."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Optional

import numpy as np
import pytest
import torch

from mmsync.apis import MotionEmbedder, export_model, get_model, init_model
from mmsync.apis.export import ClipFeatures
from mmsync.apis.features import feature_column
from mmsync.config import load
from mmsync.errors import ConfigError, DependencyError, ProtocolError
from mmsync.models.necks import Whitening

ROOT = Path(__file__).parents[2]
ort = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 9):
    pytest.skip("export needs torch 2.9 or newer", allow_module_level=True)


SIMCLR = "simclr/simclr_stgcn_synthetic.py"
BONES = dict(channels=[8, 8], strides=[1, 2])
VIT = dict(_delete_=True, type="SkeletonViT", embed_dim=16, depth=1, num_heads=2, t_patch=4, clip_len=64)
GRU = {"model.encoder.backbone.hidden_channels": 8, "model.data_preprocessor.window": 8}  # steps are unrolled
WHITE = {"model.encoder.whitening": dict(type="Whitening")}
SKELETON = (2, 2, 40, 25, 3), [(3, 3, 64, 25, 3), (1, 1, 21, 25, 3)]  # an example, and other sizes
SEQUENCE = (2, 20, 25, 3), [(3, 31, 25, 3), (1, 12, 25, 3)]
PICTURES = (2, 16, 32, 32, 3), [(3, 24, 32, 32, 3), (1, 12, 32, 32, 3)]
SOUND = (2, 1, 24000), [(3, 1, 32000), (1, 1, 20000)]  # at least the 100 frames that the front end keeps
AVTS = {"width": 0.125, "widths": [8, 8, 16, 16]}
CASES = {  # config, its options, encoder, sizes
    "stgcn": (SIMCLR, {"model.encoder.backbone": dict(_delete_=True, type="STGCN", **BONES), **WHITE}, None, SKELETON),
    "vit": (SIMCLR, {"model.encoder.backbone": VIT}, None, SKELETON),
    "dstformer": (SIMCLR, {"backbone": "dstformer"}, None, SKELETON),
    "bigru": ("cmd/cmd_bigru_synthetic.py", GRU, None, SKELETON),
    "bone": ("cmd/cmd_bigru_synthetic.py", GRU, "bone", SKELETON),
    "tracks": ("sync3d/sync3d_stgcn_synthetic.py", {}, "encoder", SKELETON),
    "default": ("default/default_synthetic.py", {}, None, SKELETON),
    "frames": ("tcc/tcc_synthetic.py", {}, None, SEQUENCE),
    "context": ("masa/masa_synthetic.py", {"width": 16}, None, SEQUENCE),
    "carl": ("carl/carl_synthetic.py", {}, None, SEQUENCE),
    "r3d": ("simclr/simclr_r3d18_synthetic.py", {}, None, PICTURES),
    "mc3": ("avts/avts_mc3_synthetic.py", AVTS, "video", PICTURES),
    "vgg": ("avts/avts_mc3_synthetic.py", AVTS, "audio", SOUND),
}


def model_of(name: str) -> torch.nn.Module:
    """A small model with statistics of batches that are not the initial ones."""
    if name == "motion-s":
        return get_model(name, pretrained=True)
    file, options, *_ = CASES[name]
    torch.manual_seed(0)
    model = init_model(load(ROOT / "configs" / file, options))
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
        if isinstance(module, Whitening):
            module.fit(torch.randn(50, len(module.mean)))
    return model


def clips_of(shape: tuple[int, ...]) -> torch.Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    if len(shape) == 3:
        return torch.rand(shape, generator=generator) - 0.5
    if shape[-1] == 3 and shape[-2] == 32:
        return torch.randint(256, shape, generator=generator, dtype=torch.uint8)
    clips = torch.randn(shape, generator=generator)
    if len(shape) == 5:
        clips[0, 1:] = 0  # absent
        clips[-1, :, 3:5] = 0  # not seen
    return clips


def free_of(sizes: tuple) -> list[bool]:
    """Which axes have other sizes in a case."""
    example, others = sizes
    return [any(other[i] != length for other in others) for i, length in enumerate(example)]


def expected_of(model: torch.nn.Module, clips: torch.Tensor, encoder: Optional[str]) -> torch.Tensor:
    """The column of features that PyTorch predicts."""
    name = dict(zip(model.encoders, model.views_for_features))[encoder or model.encoders[0]]
    name = getattr(model.data_preprocessor, "owners", {}).get(name, name)
    data = {"inputs": {name: clips}, "data_samples": []}
    with torch.no_grad():
        if encoder == "encoder":  # the method predicts features of several tracks
            return model.encoder.extract(model.data_preprocessor(data)["inputs"]["tracks"])
        found = model.test_step(data)[feature_column(type(model), encoder)]
    return found if isinstance(found, torch.Tensor) else torch.stack(found)


@pytest.mark.parametrize("format", ["onnx", "pt2"])
@pytest.mark.parametrize("name", ["motion-s", *CASES])
def test_graphs_of_other_sizes(name, format, tmp_path):
    model, path = model_of(name), tmp_path / f"model.{format}"
    encoder, sizes = CASES[name][2:] if name in CASES else (None, SKELETON)
    shape = export_model(model, clips_of(sizes[0]), path, format, encoder)
    assert [isinstance(axis, str) for axis in shape] == free_of(sizes)
    if format == "onnx":
        session = ort.InferenceSession(path)
        graph = lambda clips: torch.from_numpy(session.run(["feature"], {"clips": clips.numpy()})[0])  # noqa: E731
    else:
        graph = torch.export.load(path).module()
    for size in sizes[1]:
        clips = clips_of(size)
        tolerance = 1e-4 if format == "onnx" else 1e-5  # of features up to 5
        with torch.no_grad():
            found = graph(clips)
        torch.testing.assert_close(found, expected_of(model, clips, encoder), rtol=tolerance, atol=tolerance)


def test_the_model_itself_is_left_as_it_was(tmp_path):
    model = model_of("stgcn")
    export_model(model, clips_of(SKELETON[0]), tmp_path / "model.pt2", "pt2")
    assert model.encoder.skip_absent


@pytest.mark.parametrize("frames", [2, 47, 64, 130])
def test_clips_of_any_length_have_the_features_of_the_embedder(motion_s_graph, frames):
    """The embedder's pipeline brings clips to 64 frames, the graph does it itself."""
    clips = torch.randn(2, 2, frames, 25, 3, generator=torch.Generator().manual_seed(frames))
    clips[0, 1], clips[1, :, : frames // 4] = 0, 0
    np.testing.assert_allclose(motion_s_graph(clips).numpy(), MotionEmbedder().transform(clips), atol=1e-5)


@pytest.fixture(scope="module")
def motion_s_graph(tmp_path_factory):
    path = tmp_path_factory.mktemp("graph") / "motion_s.pt2"
    export_model(model_of("motion-s"), clips_of(SKELETON[0]), path, "pt2")
    return torch.export.load(path).module()


def test_a_method_of_tracks_names_its_encoder(tmp_path):
    with pytest.raises(ProtocolError, match=r"Sync3D cannot be exported: .*; .* encoder='encoder'"):
        export_model(model_of("tracks"), clips_of(SKELETON[0]), tmp_path / "model.pt2", "pt2")
    assert not list(tmp_path.iterdir())


def test_wrong_clips_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"clips are \(2, 25, 3\); give \(batch, persons, frames"):
        export_model(model_of("stgcn"), torch.zeros(2, 25, 3), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_the_tool_compares(tmp_path, capsys):
    spec = importlib.util.spec_from_file_location("export_tool", ROOT / "tools/export.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    model, path = model_of("stgcn"), tmp_path / "model.pt2"
    shape = export_model(model, tool.random_clips("skeleton", tool.suggested_shape(model)), path, "pt2")
    assert tool.verify(model, path, shape) < 1e-5
    with torch.no_grad():
        next(model.encoder.parameters()).mul_(2)
    assert tool.verify(model, path, shape) > tool.TOLERANCE  # of another model
    assert capsys.readouterr().out.count("largest difference") == 4


def test_a_graph_of_other_features_at_other_sizes_is_refused(tmp_path, monkeypatch):
    features = ClipFeatures.forward

    def forward(self, clips):
        return features(self, clips) * (1 if torch.compiler.is_compiling() else 2)

    monkeypatch.setattr(ClipFeatures, "forward", forward)
    with pytest.raises(ProtocolError, match=r"SimCLR cannot be exported: other sizes: .* not close"):
        export_model(model_of("vit"), clips_of(SKELETON[0]), tmp_path / "model.pt2", "pt2")
    assert not list(tmp_path.iterdir())


def test_an_older_torch_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.8.0+cpu")
    with pytest.raises(DependencyError, match=r"export needs torch 2.9 or newer, best 2.13; this is 2.8.0\+cpu"):
        export_model(torch.nn.Identity(), torch.zeros(1), tmp_path / "model.onnx")
