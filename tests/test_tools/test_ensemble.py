"""Streams are fused by name with the published weights, and files that do not belong together are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from run_tool import run_tool
from sklearn.metrics import roc_auc_score

from mmsync.evaluation.functional import Scores, load_scores
from mmsync.evaluation.metrics import FeatureMetric

STREAMS = ("joint", "bone", "motion")


def ensemble(*args) -> int:
    return run_tool("analysis_tools/ensemble.py", *args)


@pytest.fixture
def files(tmp_path):
    """Three streams of the same ten clips, each in an order of its own."""
    rng = np.random.default_rng(0)
    for stream in STREAMS:
        order = rng.permutation(10)
        logits = rng.normal(size=(10, 4)).astype(np.float32)
        Scores([f"clip{i}" for i in order], logits[order], (order % 4)).save(tmp_path / f"{stream}.npz")
    return {stream: tmp_path / f"{stream}.npz" for stream in STREAMS}


def given(files) -> list[str]:
    return [f"{stream}={path}" for stream, path in files.items()]


def test_published_weights_by_name(files, tmp_path, capsys):
    assert ensemble(*given(files), "--out", tmp_path / "fused.npz") == 0
    fused = load_scores(tmp_path / "fused.npz")
    rows = {s: load_scores(path) for s, path in files.items()}
    for name, logits, label in zip(*fused):
        parts = {s: r.logits[r.names.index(name)] for s, r in rows.items()}
        np.testing.assert_allclose(
            logits, 0.6 * parts["joint"] + 0.6 * parts["bone"] + 0.4 * parts["motion"], rtol=1e-5
        )
        assert label == int(name[4:]) % 4
    top1 = 100 * np.mean(fused.logits.argmax(1) == fused.labels)
    assert f"{top1:.2f}" in capsys.readouterr().out.splitlines()[-2]


def test_own_and_equal_weights(files, tmp_path):
    assert ensemble(*given(files), "--weights", "joint=1", "bone=0", "motion=0", "--out", tmp_path / "one.npz") == 0
    one, joint = load_scores(tmp_path / "one.npz"), load_scores(files["joint"])
    np.testing.assert_allclose(one.logits, joint.logits)
    assert ensemble(*given(files), "--weights", "equal") == 0


def other(path, names=None, labels=None, logits=None):
    scores = load_scores(path)
    changed = dict(names=names, logits=logits, labels=labels)
    Scores(**{k: getattr(scores, k) if v is None else v for k, v in changed.items()}).save(path)


@pytest.mark.parametrize(
    ("change", "args", "message"),
    [
        (dict(names=[f"clip{i}" for i in range(9)] + ["stranger"]), [], "hold different samples"),
        (dict(names=["clip0"] * 10), [], "each row needs a unique name"),
        (dict(labels=np.arange(10) % 3), [], "different labels, for example"),
        (dict(logits=np.zeros(10)), [], "do not fit"),
        (dict(logits=np.zeros((10, 5))), [], "have 4 and 5 classes"),
        ({}, ["--weights", "aimcrl"], "did you mean 'aimclr'"),
        ({}, ["--weights", "joint=1", "bone=1"], "name different streams: motion"),
        ({}, ["--weights", "joint=x", "bone=1", "motion=1"], "could not convert"),
    ],
)
def test_mistakes_give_one_message(files, capsys, change, args, message):
    if change:
        other(files["motion"], **change)
    assert ensemble(*given(files), *args) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_a_missing_and_a_foreign_file(files, tmp_path, capsys):
    assert ensemble(f"joint={tmp_path / 'no.npz'}", "--weights", "equal") == 2
    assert "no readable score file" in capsys.readouterr().err
    np.savez(tmp_path / "features.npz", features=np.zeros(3))
    assert ensemble(f"joint={tmp_path / 'features.npz'}", "--weights", "equal") == 2
    assert "no readable score file" in capsys.readouterr().err
    assert ensemble(*given(files), f"joint={files['bone']}") == 2
    assert "named twice" in capsys.readouterr().err
    assert ensemble(f"depth={files['joint']}") == 2
    assert "no weight for stream 'depth'" in capsys.readouterr().err


def test_probes_of_pairs_are_fused_pair_by_pair_though_a_video_has_many(tmp_path):
    rng, files = np.random.default_rng(0), {}
    sums = np.zeros((12, 2))
    for stream in ("rgb", "flow"):
        metric = FeatureMetric([dict(type="LinearProbe", epochs=2)], per_class=True, per_video=True)
        samples = [
            dict(feature=torch.tensor(rng.normal(size=4)), gt_label=i % 2, index=i, name=f"video{i // 6}",
                 kind=("positive", "hard")[i // 3 % 2], role="bank" if i < 12 else "query",
                 windows=f"video{i // 6}.0@{i}-video{i // 6}.2@{i}")
            for i in range(24)
        ]  # fmt: skip
        metric.process(None, [samples[i] for i in rng.permutation(24)])
        metric.evaluate(24)
        sums += metric.scores["linear"].logits
        shuffled, order = metric.scores["linear"], rng.permutation(12)
        files[stream] = tmp_path / f"{stream}.npz"
        Scores([shuffled.names[i] for i in order], shuffled.logits[order], shuffled.labels[order]).save(files[stream])
    assert ensemble(*given(files), "--weights", "equal", "--out", tmp_path / "fused.npz") == 0
    fused = load_scores(tmp_path / "fused.npz")
    assert len(set(fused.names)) == 12
    assert "video3.0@20-video3.2@20:positive:20" in fused.names
    index = [int(name.split(":")[-1]) for name in fused.names]
    np.testing.assert_allclose(fused.logits, sums[np.array(index) - 12], rtol=1e-4, atol=1e-5)
    assert all(label == i % 2 for label, i in zip(fused.labels, index))


def test_distances_of_pairs_are_added_and_judged(tmp_path, capsys):
    """Two streams that each see half of what is far apart: each alone is wrong of some pairs, their sum of none."""
    positive = np.arange(12) % 3 == 0
    far = {"rgb": [3, 9, 2] * 4, "flow": [3, 2.5, 9] * 4}
    for stream, distance in far.items():
        verification = dict(type="PairVerification", draws=10, dump=str(tmp_path / f"{stream}.npz"))
        metric = FeatureMetric([verification], collapse=False)
        metric.process(None, [
            dict(distance=d, positive=int(p), index=i + 12 * k, name="v", role=role, windows=f"v0.0@{i}")
            for k, role in enumerate(("bank", "query")) for i, (d, p) in enumerate(zip(distance, positive))
        ])  # fmt: skip
        metric.evaluate(24)
    files = [f"{stream}={tmp_path / stream}.npz" for stream in far]
    assert ensemble(*files, "--weights", "rgb=1", "flow=2", "--out", tmp_path / "sum.npz") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0][2:4] == ["AUC", "EER"]
    fused = load_scores(tmp_path / "sum.npz")
    assert fused.names[5] == "v0.0@5::17"
    np.testing.assert_allclose(fused.logits[:, 0], np.array(far["rgb"]) + 2 * np.array(far["flow"]))
    for line, distance in zip(lines[1:4], (far["rgb"], far["flow"], fused.logits[:, 0])):
        assert float(line[-2]) == pytest.approx(100 * roc_auc_score(positive, -np.array(distance)), abs=0.01)
    assert lines[3][1:] == ["100.00", "0.00"]
    assert float(lines[1][-1]) > 0 < float(lines[2][-1])
