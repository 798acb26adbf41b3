"""Tools and hook that draw sequences: from the command line to files, and one message for each mistake."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from mmsync.apis import init_model
from mmsync.config import load
from mmsync.datasets import SequenceDataset
from mmsync.engine.hooks import AlignmentVisHook, RunSummaryHook
from mmsync.engine.hooks import alignment as hook_module
from mmsync.errors import ConfigError, DataError, DependencyError
from mmsync.structures import FeatureTable
from mmsync.visualization import (
    Shown,
    draw_frame_embedding,
    draw_retrieval,
    is_ragged,
    queries_of,
    read_clip,
    sample_frames,
)

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "masa" / "masa_synthetic.py"
SMALL = ["source.num_sequences=(2,2)", "source.num_frames=(20,30)", "source.activities=[golf_swing,squats]", "width=16"]


@pytest.fixture
def tool(tool):
    """Runs a tool with options of the config, by default those of a small one."""

    def run(name, *args, options=SMALL):
        return tool(name, *args, *(["--cfg-options", *options] if options else []))

    return run


def small_config():
    pairs = (option.split("=", 1) for option in SMALL)
    values = {"source.num_sequences": (2, 2), "source.num_frames": (20, 30)}
    values["source.activities"] = ["golf_swing", "squats"]
    return load(CONFIG, {key: values.get(key, 16) for key, _ in pairs})


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Initial weights of a small MASA with its config inside."""
    cfg = small_config()
    model = init_model(cfg)
    path = tmp_path_factory.mktemp("weights") / "start.pth"
    torch.save({"meta": {"cfg": cfg.pretty_text}, "state_dict": model.state_dict()}, path)
    return path


@pytest.fixture(scope="module")
def dataset():
    return SequenceDataset(**{k: v for k, v in small_config().test_dataloader.dataset.to_dict().items() if k != "type"})


def size_of(path):
    with Image.open(path) as picture:
        assert len(np.unique(np.asarray(picture.convert("L")))) > 20  # not blank
        return picture.size


def test_align_writes_its_files_with_and_without_a_config(tool, checkpoint, dataset, tmp_path):
    pytest.importorskip("av")
    names = [dataset.names[i] for i, role in enumerate(dataset.roles) if role == "query"]
    pair = [name for name in names if name[:3] == names[0][:3]][:2]
    code, said = tool("visualization/align.py", checkpoint, *pair, "--out", tmp_path / "a", options=None)
    assert (code, "Kendall's tau" in said) == (0, True), said
    size_of(tmp_path / "a" / "alignment.png")
    assert (tmp_path / "a" / "alignment.mp4").stat().st_size > 1000
    code, said = tool("visualization/align.py", CONFIG, checkpoint, *pair, "--how", "dtw", "--out", tmp_path / "b")
    assert (code, "dynamic time warping" in said) == (0, True), said
    with open(tmp_path / "b" / "alignment.csv", newline="") as file:
        frames = [int(row["frame_b"]) for row in csv.DictReader(file)]
    assert frames == sorted(frames)


def test_align_ends_in_one_message(tool, checkpoint, dataset, tmp_path):
    np.save(tmp_path / "joints17.npy", np.zeros((9, 17, 3)))
    np.save(tmp_path / "one.npy", np.zeros((1, 25, 3)))
    name = dataset.names[0]
    for clip, text in (
        (name[:-1] + "8", f"did you mean {name}"),
        (tmp_path / "joints17.npy", "other joints or features"),
        (tmp_path / "one.npy", "2 frames or more"),
    ):
        code, said = tool("visualization/align.py", checkpoint, name, clip, "--out", tmp_path / "o", options=None)
        assert (code, text in said.replace("'", ""), "Traceback" in said) == (2, True, False), said
    assert not (tmp_path / "o").exists()
    code, said = tool("visualization/align.py", checkpoint, name, name, "--out", tmp_path / "one.npy", options=None)
    assert (code, "is a file" in said) == (2, True)


def test_retrieval_sheet(tool, checkpoint, tmp_path):
    out = tmp_path / "sheet.png"
    code, said = tool("visualization/retrieval_sheet.py", checkpoint, "--queries", 3, "--out", out, options=None)
    assert (code, "3 frames and the 5 nearest" in said) == (0, True), said
    tall = size_of(out)[1]
    tool("visualization/retrieval_sheet.py", checkpoint, "--queries", 5, "--spread", "--out", out, options=None)
    assert size_of(out)[1] > tall
    code, said = tool("visualization/retrieval_sheet.py", checkpoint, "--k", 0, options=None)
    assert (code, "give 1 or more" in said) == (2, True)


def test_vis_embedding_draws_frames_of_sequences(tool, checkpoint, tmp_path):
    out = tmp_path / "e.png"
    args = ("visualization/vis_embedding.py", CONFIG, checkpoint, "--out", out, "--work-dir", tmp_path)
    code, said = tool(*args, "--max-points", 40)
    assert (code, "embedding of 40 frames of 4 sequences" in said) == (0, True), said
    size_of(out)
    code, said = tool(*args, "--color-by", "label", "--method", "pca")
    assert (code, "embedding of 8 clips" in said) == (0, True), said


def test_browse_shows_sequences_and_views(tool, tmp_path):
    args = ("visualization/browse_dataset.py", CONFIG, "--number", 2, "--out-dir", tmp_path)
    code, said = tool(*args, "--format", "png")
    assert (code, "2 clips" in said) == (0, True), said
    first, _ = pictures = sorted(tmp_path.glob("*.png"))
    whole = size_of(first)[1]
    assert tool(*args, "--format", "png", "--mode", "original")[0] == 0
    assert size_of(first)[1] < whole
    assert len(pictures) == 2
    assert tool(*args, "--format", "gif", "--frames", 3)[0] == 0


def table_of(dataset):
    """Joints as features of a validation, as ``FeatureMetric`` keeps them."""
    clips = [read_clip(dataset, i) for i in range(len(dataset))]
    return FeatureTable(
        {
            "feature": [torch.from_numpy(clip.frames).flatten(1) for clip in clips],
            "label": torch.from_numpy(dataset.labels),
            "index": torch.arange(len(dataset)),
            "role": list(dataset.roles),
            "phase": [torch.from_numpy(clip.phase) for clip in clips],
        }
    )


def runner_of(dataset, table, folder):
    """As much of a runner as a hook reads, and the warnings it logs."""
    evaluator = SimpleNamespace(metrics=[SimpleNamespace(last=table)])
    loop = SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset), evaluator=evaluator)
    said = []
    logger = SimpleNamespace(warning=said.append, info=said.append)
    return SimpleNamespace(work_dir=str(folder), val_loop=loop, test_loop=loop, logger=logger, epoch=1), said


def test_the_hook_draws_an_alignment_of_the_chosen_activity(dataset, tmp_path, monkeypatch):
    runner, said = runner_of(dataset, table_of(dataset), tmp_path)
    drawn = []
    monkeypatch.setattr(hook_module, "draw_alignment", lambda *args: drawn.append(args))
    AlignmentVisHook(activity="squats", how="dtw").after_val_epoch(runner)
    AlignmentVisHook().after_test_epoch(runner)
    assert [[clip.activity for clip in args[:2]] for args in drawn] == [["squats"] * 2, ["golf_swing"] * 2]
    assert all(args[0].name != args[1].name for args in drawn)
    assert said == []
    monkeypatch.undo()
    AlignmentVisHook().after_val_epoch(runner)
    size_of(tmp_path / "alignment.png")


def test_the_hook_never_stops_a_run(dataset, tmp_path, monkeypatch):
    def missing(*_, **__):
        raise DependencyError("pictures need matplotlib")

    runner, said = runner_of(dataset, table_of(dataset), tmp_path)
    AlignmentVisHook(activity="squat").after_val_epoch(runner)
    monkeypatch.setattr("mmsync.visualization.alignment.new_figure", missing)
    AlignmentVisHook().after_val_epoch(runner)
    alone, also = runner_of(dataset, table_of(dataset).take([4]), tmp_path)
    AlignmentVisHook().after_val_epoch(alone)
    empty, more = runner_of(dataset, None, tmp_path)
    AlignmentVisHook().after_val_epoch(empty)
    assert ["squats" in said[0], "need matplotlib" in said[1], "has two" in also[0], len(more)] == [True, True, True, 1]
    with pytest.raises(ConfigError, match="'nearest' or 'dtw'"):
        AlignmentVisHook(how="best")


def test_the_summary_draws_frames_of_sequences(dataset, tmp_path):
    runner, said = runner_of(dataset, table_of(dataset), tmp_path)
    assert RunSummaryHook(method="pca")._draw_embedding(runner, runner.val_loop), said
    size_of(tmp_path / "embedding.png")


def test_frames_are_sampled_within_each_activity(dataset, tmp_path):
    table = queries_of(table_of(dataset))
    assert is_ragged(table)
    assert not is_ragged(FeatureTable({"feature": torch.zeros(3, 2)}))
    assert set(table.texts("role", "")) == {"query"}
    sample = sample_frames(table, 7)
    assert np.unique(sample.activity, return_counts=True)[1].tolist() == [7, 7]
    every = sample_frames(table, 10**6)
    assert torch.equal(every.features, torch.cat(table.ragged("feature")))
    assert np.array_equal(every.phase, torch.cat(table.ragged("phase")).numpy())
    plain = sample_frames(table.select(("feature", "label")), 5)
    assert (plain.phase == -1).all()
    draw_frame_embedding(plain, tmp_path / "p.png", method="pca")
    size_of(tmp_path / "p.png")


def test_a_sheet_needs_joints(dataset, tmp_path):
    clip = read_clip(dataset, 0)
    with pytest.raises(DataError, match="no query"):
        draw_retrieval([], tmp_path / "s.png")
    from dataclasses import replace

    with pytest.raises(DataError, match="no joints"):
        draw_retrieval([[Shown(replace(clip, layout=None), 0)]], tmp_path / "s.png")
