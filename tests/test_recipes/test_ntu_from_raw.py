"""From raw NTU files to the batches of the shipped data set configs, with only the data root changed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from run_tool import run_tool
from synthetic_ntu import make_store, raw_folder

from mmsync.config import load
from mmsync.converters.ntu_file import read_skeleton
from mmsync.converters.pku import convert_pku
from mmsync.datasets import SkeletonDataset
from mmsync.datasets.sources import StoreSource, SyntheticSource
from mmsync.datasets.transforms import AimCLR50
from mmsync.engine.runner import MotionRunner
from mmsync.errors import DataError
from mmsync.structures import SkeletonLayout
from mmsync.worlds.ntu_raw import BROKEN
from mmsync.worlds.writers import write_pku_raw

pytestmark = pytest.mark.recipe
ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs" / "_base_" / "datasets"
S60 = {1, 2, 4, 5, 8, 9, *range(13, 20), 25, 27, 28, 31, 34, 35, 38}
S120 = S60 | {
    *(45, 46, 47, 49, 50, *range(52, 60), 70, 74, 78, *range(80, 87), 89, *range(91, 96), 97, 98, 100, 103)
}  # fmt: skip
IN_TRAINING = {  # of setup, camera, subject
    "ntu60_xsub": lambda s, c, p: p in S60,
    "ntu60_xview": lambda s, c, p: c in (2, 3),
    "ntu120_xsub": lambda s, c, p: p in S120,
    "ntu120_xset": lambda s, c, p: s % 2 == 0,
}


@pytest.fixture(autouse=True)
def _scope():
    with DefaultScope.overwrite_default_scope("mmsync"):
        yield


@pytest.fixture(scope="module")
def ntu60(tmp_path_factory):
    """Raw files with one of each fault, converted by the command line."""
    folder = tmp_path_factory.mktemp("ntu60")
    raw_folder(folder / "raw", broken=list(BROKEN))
    assert run_tool("dataset_converters/ntu.py", folder / "raw", folder / "store", "--workers", 1) == 0
    return folder


@pytest.fixture(scope="module")
def ntu120(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ntu120")
    make_store(folder, "ntu120")
    return folder


@pytest.mark.parametrize("name", IN_TRAINING)
def test_the_shipped_config_serves_its_protocol(name, request):
    folder = request.getfixturevalue(name.split("_")[0])
    data, split = name.split("_")
    cfg = load(CONFIGS / f"{data}.py", dict(split=split, data_root=str(folder / "store")))
    names = StoreSource(folder / "store").names
    assert len(names) == 210  # every good file, and no broken one
    facts = [tuple(map(int, re.match(r"S(\d+)C(\d+)P(\d+)", clip).groups())) for clip in names]
    training = [clip for clip, fact in zip(names, facts) if IN_TRAINING[name](*fact)]

    train = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    assert sorted(train.dataset.names) == sorted(training)
    assert train.batch_size == 128
    assert len(train) == len(training) // 128
    seen: list[str] = []
    for key in ("val_dataloader", "test_dataloader"):
        seen, persons = [], []
        for batch in MotionRunner.build_dataloader(cfg[key], seed=0):
            clips, mask = batch["inputs"]["skeleton"][:2]
            assert clips.shape[1:] == (2, 50, 25, 3)
            assert clips.dtype == torch.float32
            assert torch.equal(clips.flatten(2).any(-1), mask)
            persons += mask.sum(1).tolist()
            for sample in batch["data_samples"]:
                assert sample.gt_label == int(sample.name[-3:]) - 1
                assert (sample.role == "bank") == (sample.name in training)
                seen.append(sample.name)
        assert sorted(seen) == sorted(names)
        assert set(persons) == {1, 2}


def test_one_cache_for_all_protocols(ntu60, monkeypatch, tmp_path):
    monkeypatch.setenv("MMSYNC_CACHE", str(tmp_path))
    for split in ("xsub", "xview"):
        cfg = load(CONFIGS / "ntu60.py", dict(split=split, data_root=str(ntu60 / "store")))
        for key in ("train_dataloader", "val_dataloader"):
            MotionRunner.build_dataloader(cfg[key], seed=0)
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1


def test_what_is_served_is_what_the_preset_makes_of_the_raw_file(ntu60):
    cfg = load(CONFIGS / "ntu60.py", dict(data_root=str(ntu60 / "store")))
    dataset = Runner.build_dataloader(cfg.train_dataloader, seed=0).dataset
    moved = 0
    for index, name in enumerate(dataset.names[:60]):
        clip = read_skeleton(ntu60 / "raw" / f"{name}.skeleton")
        results = dict(
            keypoint=clip.keypoint, body_slots=clip.body_slots, num_coords=3, layout=SkeletonLayout.get("ntu25")
        )
        want = AimCLR50().transform(dict(results))
        np.testing.assert_array_equal(dataset[index]["inputs"]["skeleton"].data, want["keypoint"])
        moved += not np.array_equal(clip.body_slots, np.arange(len(clip.body_slots))[:, None] + 0 * clip.body_slots)
    assert moved > 5  # the file's order matters in some


@pytest.mark.parametrize(
    "pipeline",
    [
        [dict(type="CTRGCNPreset"), dict(type="CropResize", length=64, ratio=(0.5, 1.0))],
        [dict(type="CTRGCNPreset", second_person="copy"), dict(type="CropResize", length=120, ratio=(0.95,))],
        [dict(type="AGCNPreset", length=64)],
        [dict(type="PYSKLPreset"), dict(type="UniformSampleFrames", length=100)],
    ],
    ids=lambda pipeline: pipeline[0]["type"],
)
def test_every_preset_takes_every_clip(ntu60, pipeline):
    pipeline = [*pipeline, dict(type="PackSkeleton", num_persons=2)]
    dataset = SkeletonDataset(StoreSource(ntu60 / "store"), pipeline, split="xsub_test", max_bad_share=0)
    batch = dataset.__getitems__(range(len(dataset)))
    assert batch["inputs"]["skeleton"].data.shape[:2] == (60, 2)
    assert torch.isfinite(batch["inputs"]["skeleton"].data).all()
    assert batch["inputs"]["skeleton"].present.any(1).all()


@pytest.mark.parametrize("phase", [1, 2])
def test_pku_comes_the_same_way(tmp_path, phase):
    (tmp_path / "raw").mkdir()
    write_pku_raw(SyntheticSource((14, 7), num_frames=(10, 20)), tmp_path / "raw", phase)
    convert_pku(tmp_path / "raw", tmp_path / "store", phase)
    cfg = load(CONFIGS / "pku.py", dict(phase=phase, data_root=str(tmp_path / "store")))
    assert len(Runner.build_dataloader(cfg.train_dataloader, seed=0).dataset) == 14
    (batch,) = MotionRunner.build_dataloader(cfg.val_dataloader, seed=0)
    assert batch["inputs"]["skeleton"].data.shape == (21, 2, 50, 25, 3)
    assert [sample.role for sample in batch["data_samples"]] == ["bank"] * 14 + ["query"] * 7


def test_without_data_the_command_that_makes_them_is_told():
    cfg = load(CONFIGS / "ntu60.py", dict(data_root="data/nowhere"))
    command = r"mmsync ntu RAW data/nowh"
    with pytest.raises(DataError, match=rf"nowhere is neither in the .* nor under MMSYNC_DATA_ROOT.*: .*{command}"):
        Runner.build_dataloader(cfg.train_dataloader, seed=0)
