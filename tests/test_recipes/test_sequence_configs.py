"""Proves that the configs of data sets that are not here train and are evaluated on small files of the same form."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.tfrecords import record, sequence_example

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
FRAMES = 24


def phases(count: int) -> np.ndarray:
    return np.arange(FRAMES) * count // FRAMES


def casa(folder: Path, activity: str, width: tuple[int, ...], count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "val"):
        items = {f"{split}{i}": dict(pose=RNG.normal(size=(FRAMES, *width)), labels=phases(count)) for i in range(4)}
        np.save(folder / f"{activity}_{split}.npy", items, allow_pickle=True)


def h2o(root: Path) -> None:
    rows = {"train": "", "val": ""}
    for split in rows:
        for i in range(4):
            path = f"{split}/h1/{i}"
            (root / path / "cam4/hand_pose").mkdir(parents=True)
            for t, row in enumerate(RNG.normal(size=(FRAMES, 128))):
                row[[0, 64]] = 1
                (root / path / f"cam4/hand_pose/{t:06d}.txt").write_text(" ".join(map(str, row)))
            rows[split] += f"{2 * i} {path} 5 0 9 0 23\n{2 * i + 1} {path} 23 12 23 0 23\n"
    (root / "action_labels").mkdir()
    for split, text in rows.items():
        header = "id path action_label start_act end_act start_frame end_frame\n"
        (root / f"action_labels/action_{split}.txt").write_text(header + text)


def pouring(root: Path, features: Path) -> None:
    (root / "pouring_tfrecords").mkdir(parents=True)
    for split in ("train", "val"):
        data = b""
        for i in range(4):
            context = {"name": [f"{split}{i}".encode()], "len": [FRAMES], "label": [0]}
            steps = {"video": [[b"jpg"]] * FRAMES, "frame_labels": [[int(p)] for p in phases(5)]}
            data += record(sequence_example(context, steps))
            save(features / f"pouring/{split}{i}.npy")
        (root / f"pouring_tfrecords/pouring_{split}-0-of-1").write_bytes(data)


def carl(root: Path, features: Path) -> None:
    root.mkdir(parents=True)
    for split in ("train", "val"):
        first = 0 if split == "train" else 4
        names = [f"{i:04d}_{action}" for i, action in enumerate(["squat", "bowl"] * 2, first)]
        items = [dict(name=name, video_file="a.mp4", action_label=0, frame_label=phases(3)) for name in names]
        for name in names:
            save(features / f"{name}.npy")
        (root / f"{split}.pkl").write_bytes(pickle.dumps((items, {})))


def save(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, RNG.normal(size=(FRAMES, 1536)).astype(np.float16))


WRITE = {
    "masa/masa_h2o": lambda root: h2o(root / "h2o"),
    "masa/masa_h2o_milk": lambda root: casa(root / "h2o", "pouring_milk", (102,), 10),
    "masa/masa_ikea": lambda root: casa(root / "ikea_asm", "kallax_shelf_drawer", (17, 3), 18),
    "masa/masa_pouring": lambda root: pouring(root / "tcc", root / "pouring_dino"),
    "masa/masa_penn_features": lambda root: carl(root / "carl/penn_action", root / "penn_dino"),
    "casa/casa_h2o_milk": lambda root: casa(root / "h2o", "pouring_milk", (102,), 10),
    "casa/casa_ikea": lambda root: casa(root / "ikea_asm", "kallax_shelf_drawer", (17, 3), 18),
}


def tool(tmp_path: Path, *command: str) -> str:
    env = {**os.environ, "MMSYNC_DATA_ROOT": str(tmp_path / "data"), "MMSYNC_CACHE": str(tmp_path / "cache")}
    run = subprocess.run([sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return run.stdout + run.stderr


@pytest.mark.recipe
@pytest.mark.parametrize("config", WRITE)
def test_the_config_trains_and_is_evaluated(config, tmp_path):
    WRITE[config](tmp_path / "data")
    options = ["--cfg-options", "batch_size=4", "max_epochs=1"]
    tool(tmp_path, "tools/train.py", f"configs/{config}.py", "--work-dir", str(tmp_path / "run"), *options)
    said = tool(tmp_path, "tools/test.py", f"configs/{config}.py", str(tmp_path / "run/epoch_1.pth"), *options)
    assert "tau/mean" in said
    assert "phases/mean" in said


@pytest.mark.recipe
@pytest.mark.parametrize(
    "option",
    [
        "model.context.layers=[self,self]",
        "model.context.layers=[cross,cross]",
        "model.loss.stop_gradient=False",
        "model.predictor=False",
        "trim=0.5",
        "first=[]",
    ],
)
def test_a_part_of_masa_is_left_out_or_added_by_an_option(option, tmp_path):
    data = ["source.num_sequences=[2,2]", "source.activities=[golf_swing,situp]", "batch_size=4", "max_epochs=1"]
    config = "configs/masa/masa_synthetic.py"
    said = tool(tmp_path, "tools/train.py", config, "--work-dir", str(tmp_path / "run"), "--cfg-options", *data, option)
    assert "tau/mean" in said
