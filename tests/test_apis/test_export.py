"""Exported graphs compute what PyTorch does, for other numbers of clips, persons and frames."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

from mmsync.apis import export_model, get_model, init_model
from mmsync.config import load
from mmsync.errors import ConfigError

ROOT = Path(__file__).parents[2]
ort = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def model_of(name: str) -> torch.nn.Module:
    """A small model with statistics of batches that are not the initial ones."""
    if name == "motion-s":
        return get_model(name, pretrained=True)
    cfg = load(ROOT / f"configs/simclr/simclr_{'r3d18' if name == 'video' else 'stgcn'}_synthetic.py")
    if name == "stgcn":
        cfg.model.encoder.backbone = dict(type="STGCN", layout="ntu25", in_channels=6, channels=[8, 8], strides=[1, 2])
    elif name == "vit":
        sizes = dict(embed_dim=16, depth=1, num_heads=2, t_patch=4, clip_len=64)
        cfg.model.encoder.backbone = dict(type="SkeletonViT", layout="ntu25", in_channels=6, **sizes)
    torch.manual_seed(0)
    model = init_model(cfg)
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return model


def clips_of(shape: tuple[int, ...]) -> torch.Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    if shape[-1] == 3 and shape[-2] == 32:
        return torch.randint(256, shape, generator=generator, dtype=torch.uint8)
    clips = torch.randn(shape, generator=generator)
    clips[0, 1:] = 0  # absent
    clips[-1, :, 3:5] = 0  # not seen
    return clips


@pytest.mark.parametrize("name", ["motion-s", "stgcn", "vit", "video"])
def test_onnx_of_other_sizes(name, tmp_path):
    model, video = model_of(name), name == "video"
    shape = export_model(model, clips_of((2, 8, 32, 32, 3) if video else (2, 2, 40, 25, 3)), tmp_path / "model.onnx")
    assert shape[:2] == (("batch", "frames") if video else ("batch", "persons"))
    assert video or shape[2:] == ("frames", 25, 3)
    session = ort.InferenceSession(tmp_path / "model.onnx")
    for size in [(3, 16, 32, 32, 3), (1, 12, 32, 32, 3)] if video else [(3, 3, 64, 25, 3), (1, 1, 21, 25, 3)]:
        clips = clips_of(size)
        with torch.no_grad():
            expected = model.test_step({"inputs": clips, "data_samples": []})["feature"]
        (found,) = session.run(["feature"], {"clips": clips.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-4, atol=1e-4)  # features up to 5


def test_torch_export_is_exact_with_absent_persons(tmp_path):
    model = model_of("stgcn")
    export_model(model, clips_of((2, 2, 40, 25, 3)), tmp_path / "model.pt2", "pt2")
    clips = clips_of((4, 3, 51, 25, 3))
    with torch.no_grad():
        expected = model.test_step({"inputs": clips, "data_samples": []})["feature"]
        found = torch.export.load(tmp_path / "model.pt2").module()(clips)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert model.encoder.skip_absent  # the model itself is left as it was


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
