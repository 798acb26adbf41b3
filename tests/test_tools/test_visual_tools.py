"""The tools that draw, from the command line to a readable file, and one message for each mistake."""

from __future__ import annotations

import json
import pickle
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmsync.apis import init_model
from mmsync.engine.hooks import summary
from mmsync.evaluation.functional import Scores
from mmsync.media import write_video
from mmsync.visualization.pictures import as_pictures

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "aimclr" / "aimclr_stgcn_synthetic.py"
SMALL = ["source.num_clips=(24,8)", "model.encoder.backbone.channels=(8,16)", "model.encoder.backbone.strides=(2,2)"]


@pytest.fixture
def browse(tool, tmp_path):
    """Runs browse_dataset on a small config, or on ``config``."""

    def run(*args, config=CONFIG, options=SMALL):
        more = ["--out-dir", tmp_path / "clips"] + (["--cfg-options", *options] if options else [])
        return tool("visualization/browse_dataset.py", config, *args, *more)

    return run


def test_clips_as_read_and_in_all_views(browse, tmp_path):
    code, said = browse("--number", 2, "--frames", 4)
    assert (code, "2 clips" in said) == (0, True), said
    films = sorted((tmp_path / "clips").iterdir())
    assert [film.suffix for film in films] == [".gif", ".gif"]
    sizes = []
    for film in films:
        with Image.open(film) as picture:
            assert picture.n_frames == 4
            sizes.append(picture.size)
    first = films[0].read_bytes()
    assert browse("--name", films[0].stem, "--frames", 4)[0] == 0
    assert films[0].read_bytes() == first  # the same views, whatever else is shown
    assert browse("--name", films[0].stem, "--frames", 4, "--seed", 1)[0] == 0
    assert films[0].read_bytes() != first
    assert browse("--index", 24, "--mode", "original", "--frames", 4, "--phase", "test")[0] == 0
    (other,) = set((tmp_path / "clips").iterdir()) - set(films)
    with Image.open(other) as picture:
        assert picture.width < sizes[0][0] / 2  # one panel and not five


def test_a_strip_of_a_clip(browse, tmp_path):
    assert browse("--index", 3, "--format", "png", "--frames", 3, "--mode", "views")[0] == 0
    (file,) = (tmp_path / "clips").iterdir()
    with Image.open(file) as picture:
        assert np.asarray(picture.convert("L")).min() < 128


def test_two_people_in_pictures_with_scores_and_another_stream(browse, tmp_path):
    """17 joints of a detector, y down, an absent second person in one clip, no class names, names that are paths."""
    rng = np.random.default_rng(0)
    still = rng.uniform(50, 300, size=(1, 1, 17, 2)).astype(np.float32)
    items = [
        dict(frame_dir=f"set/clip {i}", label=i, total_frames=7, img_shape=(360, 640), original_shape=(360, 640),
             keypoint=still + rng.normal(size=(persons, 7, 17, 2)).astype(np.float32),
             keypoint_score=np.ones((persons, 7, 17), dtype=np.float32))
        for i, persons in enumerate((2, 1))
    ]  # fmt: skip
    (tmp_path / "a.pkl").write_bytes(
        pickle.dumps(dict(split=dict(train=[i["frame_dir"] for i in items]), annotations=items))
    )
    (tmp_path / "config.py").write_text(
        f"""
default_scope = 'mmsync'
source = dict(type='PysklSource', ann_file={str(tmp_path / "a.pkl")!r}, layout='coco17')
pipeline = [dict(type='ResizeClip', length=5), dict(type='PackSkeleton')]
dataset = dict(type='SkeletonDataset', source=source, pipeline=pipeline)
train_dataloader = dict(batch_size=2, sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(type='RepeatDataset', times=2, dataset=dataset))
train_cfg = dict(by_epoch=True, max_epochs=1)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
views = dict(query=[dict(type='RandomScale')], key=[dict(type='Mirror')])
preprocessor = dict(type='SkeletonPreprocessor', layout='coco17', stream='bone', num_coords=2, views=views)
model = dict(type='SkeletonCLR', encoder=dict(type='Encoder', backbone=dict(type='STGCN', layout='coco17'),
    projector=dict(type='MLPProjector', out_channels=16)), data_preprocessor=preprocessor)
"""
    )
    code, said = browse("--frames", 3, config=tmp_path / "config.py", options=[])
    assert code == 0, said
    assert sorted(file.name for file in (tmp_path / "clips").iterdir()) == ["set_clip_0.gif", "set_clip_1.gif"]
    options = ["model.data_preprocessor.views=None"]
    code, said = browse("--mode", "views", config=tmp_path / "config.py", options=options)
    assert (code, "SkeletonCLR needs the view 'query'" in said) == (2, True), said
    code, said = browse("--index", 0, "--format", "png", config=tmp_path / "config.py", options=[])
    assert code == 0, said  # what there is
    code, said = browse("--phase", "test", config=tmp_path / "config.py", options=[])
    assert (code, "test_dataloader: not set" in said) == (2, True), said


def test_pairs_of_skeletons_are_shown_with_their_times(browse, tmp_path):
    config, small = "configs/sync3d/sync3d_stgcn_synthetic.py", ["source.source.num_clips=(12,6)"]
    options = dict(config=ROOT / config, options=small)
    code, said = browse("--number", 6, "--format", "png", "--frames", 3, **options)
    assert code == 0, said
    files = sorted(file.name for file in (tmp_path / "clips").iterdir())
    assert len(files) == 6
    assert {file.split("_")[1] for file in files} == {"positive", "easy", "hard"}
    code, said = browse("--index", 0, "--mode", "original", "views", "--format", "gif", "--frames", 4, **options)
    assert code == 0, said
    (film,) = (tmp_path / "clips").glob("*.gif")
    with Image.open(film) as picture:
        assert picture.n_frames == 4


def test_rows_of_a_pair_say_who_when_and_whether_in_sync(monkeypatch):
    """Titles, times and colors of each kind against the table of pairs."""
    from mmsync.datasets import PairDataset
    from mmsync.datasets.sources import SkeletonTrackSource, SyntheticSource

    monkeypatch.setattr(sys, "argv", ["browse"])
    shown_sample = runpy.run_path(str(ROOT / "tools/visualization/browse_dataset.py"))["shown_sample"]
    source = SkeletonTrackSource(SyntheticSource((12, 2), actions=["push", "high_five"]), fps=30)
    data = PairDataset(source, dict(positive=1, easy=1, hard=1), window=10, size=12)
    rows, kinds = data.drawn()
    for index, (row, kind) in enumerate(zip(rows.tolist(), kinds.tolist())):
        panels, title, color = shown_sample(data, index, None, ["original"], {})
        assert title.startswith("in sync (positive pair)" if kind == "positive" else f"out of sync ({kind} pair)")
        assert color == ("tab:green" if kind == "positive" else "tab:red")
        for panel, (track, start) in zip(panels, (row[:2], row[2:])):
            found = source.tracks[track]
            when = f"{start / 30:.2f} to {(start + 9) / 30:.2f} s"
            assert panel.title == f"person {found.person} of {found.video}, {when}"
            np.testing.assert_allclose(panel.times, (start + np.arange(10)) / 30)
            np.testing.assert_array_equal(panel.keypoint[0], source.load(track, start, 10))


def test_windows_of_videos_are_shown(browse, tmp_path):
    pytest.importorskip("av")
    rng = np.random.default_rng(0)
    for name in ("wave/a", "wave/b", "jump/c d"):
        (tmp_path / "videos" / name).parent.mkdir(parents=True, exist_ok=True)
        write_video(tmp_path / "videos" / f"{name}.mp4", rng.integers(0, 255, (30, 48, 64, 3)).astype(np.uint8))
    (tmp_path / "config.py").write_text(
        f"""
_base_ = [{str(ROOT / "configs/simclr/simclr_r3d18_ucf101.py")!r}]
source = dict(_delete_=True, type="ClipFolderSource", data_root={str(tmp_path / "videos")!r})
train_dataloader = dict(dataset=dict(split=None, window=20, size=32))
"""
    )
    code, said = browse("--format", "png", "--frames", 3, config=tmp_path / "config.py", options=[])
    assert code == 0, said
    files = sorted(file.name for file in (tmp_path / "clips").iterdir())
    assert files == ["jump_c_d.mp4.png", "wave_a.mp4.png", "wave_b.mp4.png"]
    code, said = browse("--mode", "views", "--index", 0, config=tmp_path / "config.py", options=[])
    assert code == 0, said


def test_pictures_of_any_range():
    flow = np.zeros((2, 4, 4, 2), np.uint8)
    assert as_pictures(flow).shape == (2, 4, 4, 3)
    assert (as_pictures(flow)[..., 2] == 127).all()
    values = np.array([-1.0, 3.0]).reshape(1, 1, 2, 1).repeat(3, 3)
    assert as_pictures(values).tolist() == [[[[0, 0, 0], [255, 255, 255]]]]
    assert as_pictures(np.zeros((1, 2, 2, 3))).max() == 0


def test_browse_tells_mistakes(browse, monkeypatch):
    clip = "a13_s07_e00000_v2"
    for args, message in [
        (("--name", clip[:-1] + "9"), f"did you mean '{clip}'"),
        (("--index", 24), "the data set has 24 clips, 0 to 23"),
        (("--number", 0), "give at least 1"),
        (("--fps", 0), "give a rate"),
        (("--format", "png", "--frames", 0, "--number", 1), "at least 1"),
    ]:
        code, said = browse(*args)
        assert (code, message in said) == (2, True), said
    monkeypatch.setitem(sys.modules, "av", None)
    code, said = browse("--format", "mp4", "--index", 0)
    assert (code, "python -m pip install 'mmsync[video]'" in said) == (2, True), said


def test_embedding_of_a_checkpoint(tool, tmp_path):
    options = dict(option.split("=", 1) for option in SMALL)
    model = init_model(CONFIG, cfg_options={key: eval(value) for key, value in options.items()})
    torch.save({"state_dict": model.state_dict()}, tmp_path / "a.pth")
    arguments = ["visualization/vis_embedding.py", CONFIG, tmp_path / "a.pth", "--out", tmp_path / "e.png"]
    last = ["--method", "pca", "--cfg-options", *SMALL]
    code, said = tool(*arguments, "--color-by", "label", "subject", "view", *last)
    assert (code, "embedding of 32 clips" in said) == (0, True), said
    with Image.open(tmp_path / "e.png") as picture:
        assert picture.size == (22 * 120, 900)
    code, said = tool(*arguments, "--role", "query", *last)
    assert (code, "embedding of 8 clips" in said) == (0, True), said
    code, said = tool(*arguments, "--color-by", "sbject", *last)
    assert (code, "did you mean 'subject'" in said) == (2, True), said


def test_curves_and_times(tool, tmp_path):
    rows = [
        {"loss": 1 / i, "time": 0.5 + (i == 3), "data_time": 0.05, "epoch": i, "iter": 4 * i, "step": 4 * i}
        for i in range(1, 5)
    ]
    log = tmp_path / "run" / "20260101_000000" / "vis_data" / "scalars.json"
    log.parent.mkdir(parents=True)
    log.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"loss"')
    plot = ["analysis_tools/analyze_logs.py", "plot_curve", tmp_path / "run", log, "--out", tmp_path / "c.png"]
    code, said = tool(*plot, "--legend", "mine", "other", "--smooth")
    assert (code, "mine: last loss 0.25" in said, "line 5 is skipped" in said) == (0, True, True), said
    with Image.open(tmp_path / "c.png") as picture:
        assert picture.width == 720
    for args, message in [
        (("--keys", "los"), "did you mean 'loss'? Available: loss, time"),
        (("--legend", "one"), "1 names for 2 logs"),
        (("--smooth", 1), "must be in [0, 1)"),
    ]:
        code, said = tool(*plot, *args)
        assert (code, message in said) == (2, True), said
    code, said = tool("analysis_tools/analyze_logs.py", "cal_train_time", tmp_path / "run")
    assert code == 0
    for text in ("16 iterations in about 0:00:12", "0.7500 s on average, 6.7 %", "slowest    epoch 3, 1.5000 s",
                 "0.4330 s standard deviation"):  # fmt: skip
        assert text in said, said


def test_confusion_from_a_matrix_and_from_scores(tool, tmp_path):
    labels = np.array([0, 0, 1, 1, 1, 2])
    predicted = np.array([0, 1, 1, 1, 2, 2])
    matrix = np.array([[1, 1, 0], [0, 2, 1], [0, 0, 1]])
    np.savez(tmp_path / "matrix.npz", matrix=matrix, class_names=np.array(["sit", "run", "jump"]))
    Scores([f"clip{i}" for i in range(6)], np.eye(3)[predicted], labels).save(tmp_path / "scores.npz")
    for name, pairs in (("matrix", ["sit taken for run", "run taken for jump"]), ("scores", ["0 taken for 1"])):
        code, said = tool("analysis_tools/confusion_matrix.py", tmp_path / f"{name}.npz")
        assert (code, "66.67 % of 6 clips" in said) == (0, True), said
        assert all(pair in said for pair in pairs), said
        assert (tmp_path / f"{name}.png").is_file()
    (tmp_path / "text.npz").write_text("hello")
    np.savez(tmp_path / "other.npz", features=labels)
    for name, message in (
        ("text", "no readable npz"),
        ("other", "no readable score file"),
        ("none", "no readable"),
    ):
        code, said = tool("analysis_tools/confusion_matrix.py", tmp_path / f"{name}.npz")
        assert (code, message in said) == (2, True), said


def test_a_run_ends_with_its_curves(tmp_path, monkeypatch):
    from mmengine.config import Config
    from toy_motion import toy_config

    from mmsync.engine.runner import MotionRunner

    config = toy_config(tmp_path)
    config["default_hooks"] |= {"summary": {"type": "RunSummaryHook", "method": "pca"}}
    drawn = []
    draw = summary.draw_curves
    monkeypatch.setattr(summary, "draw_curves", lambda *args: drawn.append(args[1]) or draw(*args))
    MotionRunner.from_cfg(Config(config)).train()
    assert drawn == [["loss", "knn/top1", "collapse/std", "collapse/effective_rank"]]
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size == (1200, 816)


def test_programs_are_drawn(tool, tmp_path):
    code, said = tool("visualization/draw_programs.py", "--count", 2, "--out", tmp_path / "p.png")
    assert (code, "2 programs" in said) == (0, True)
    with Image.open(tmp_path / "p.png") as picture:
        assert min(picture.size) > 300
    code, said = tool("visualization/draw_programs.py", "--count", 0)
    assert (code, "at least 1" in said) == (2, True)
