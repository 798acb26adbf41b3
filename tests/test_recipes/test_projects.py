"""The example of each kind of component works from a clean shell, and keeps the contract of its kind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mmsync import testing
from mmsync.errors import DataError
from mmsync.structures import SkeletonLayout
from mmsync.views import AugmentationSequence, Shear
from projects.csv_source.csv_source import CSVSource
from projects.limb_mask.limb_mask import LimbMask
from projects.nearest_mean.nearest_mean import FeatureLength, NearestMean
from projects.weight_norm.weight_norm import WeightNormHook

ROOT = Path(__file__).parents[2]
SMALL = ["train_cfg.max_epochs=1", "train_cfg.val_interval=1", "train_dataloader.batch_size=16"]


def outside(*command: str) -> str:
    """Run a command of the repository in an environment with nothing of this project in it; its output."""
    shell = {k: os.environ[k] for k in ("PATH", "HOME", "OMP_NUM_THREADS") if k in os.environ}
    run = subprocess.run([sys.executable, *command], cwd=ROOT, env=shell, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return run.stdout + run.stderr


def train(config: str, folder: Path, *options: str) -> str:
    name = f"projects/{config}"
    return outside("tools/train.py", name, "--work-dir", str(folder), "--cfg-options", *SMALL, *options)


@pytest.mark.recipe
@pytest.mark.parametrize(
    ("config", "logged"),
    [
        ("limb_mask/configs/simclr_limb_mask_synthetic.py", "knn/top1"),
        ("weight_norm/configs/simclr_weight_norm_synthetic.py", "norm/encoder.backbone"),
        ("nearest_mean/configs/simclr_nearest_mean_synthetic.py", "nearest_mean/top1.*length/mean"),
    ],
)
def test_it_trains(config, logged, tmp_path):
    out = train(config, tmp_path, "source.num_clips=(48,24)")
    out += "".join(path.read_text() for path in tmp_path.rglob("*.log"))
    assert re.search(logged, out, re.DOTALL), out[-2000:]
    assert list(tmp_path.rglob("*.pth"))


@pytest.mark.recipe
def test_the_source_trains(tmp_path):
    data = tmp_path / "csv"
    outside("projects/csv_source/make_example.py", str(data), "--clips", "32", "16")
    out = train("csv_source/configs/simclr_csv.py", tmp_path / "run", f"source.data_root={data}")
    assert "knn/top1" in out


def test_they_keep_their_contracts(tmp_path):
    testing.check_augmentation(LimbMask)
    testing.check_hook(WeightNormHook)
    testing.check_probe(NearestMean)
    testing.check_metric(FeatureLength)
    for cls in (LimbMask, CSVSource, NearestMean, FeatureLength):
        testing.check_docstring(cls)
    for split, label, number in (("train", "a", 0), ("train", "b", 1), ("test", "a", 2)):
        (tmp_path / split / label).mkdir(parents=True, exist_ok=True)
        np.savetxt(tmp_path / split / label / f"clip{number}.csv", np.full((5 + number, 75), number), "%.1f", ",")
    source = CSVSource(tmp_path)
    testing.check_source(source)
    assert source.splits == {"train": ["train/a/clip0", "train/b/clip1"], "test": ["test/a/clip2"]}
    assert source.load(2).shape == (1, 6, 25, 3)
    (tmp_path / "test" / "a" / "clip2.csv").write_text("1,2,3\n")
    with pytest.raises(DataError, match=r"clip2.csv: give 75 numbers a line"):
        source.load(source.names.index("test/a/clip2"))


def test_a_limb_is_hidden_in_the_chosen_clips():
    view = testing.skeletons()
    parts = SkeletonLayout.get("ntu25").body_parts[1:]
    views = AugmentationSequence([Shear(), LimbMask(), Shear()]).bind("ntu25", 3)
    draws = views.draw(view.data, torch.Generator().manual_seed(0))
    draws["1.apply"], draws["1.limb"] = torch.tensor([True, False, True, True]), torch.tensor([0, 1, 2, 3])
    out = views.apply(view, draws).data
    hidden = out.eq(0).all((1, 2, 4))
    for row, limb in zip(hidden, (parts[0], (), parts[2], parts[3])):
        assert row.nonzero().flatten().tolist() == sorted(limb)
