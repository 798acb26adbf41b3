"""Probes of alignment: activities, the position alone, intervals, what is left out, and what cannot be judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmsync.errors import ConfigError, DataError, ProtocolError
from mmsync.evaluation.functional import frame_retrieval, kendall_tau, phase_classification, phase_progress, position_r2
from mmsync.evaluation.functional.phases import fit_classifier, position_code, segment_features, segments
from mmsync.evaluation.metrics import FeatureMetric
from mmsync.evaluation.probes import (
    ActionRecognition,
    ActivitySeparability,
    FewShotPhases,
    FrameRetrieval,
    KendallTau,
    PhaseClassification,
    PhaseProgress,
    PositionProbe,
)
from mmsync.protocols.protocol import load_protocol
from mmsync.structures import FeatureTable

NAMES = ["bowl", "squat", "wave"]
ALL = [
    KendallTau,
    FrameRetrieval,
    PhaseClassification,
    PhaseProgress,
    ActionRecognition,
    ActivitySeparability,
    PositionProbe,
]


def world(bank=4, query=3, activities=3, noise=0.3, seed=0):
    """A table of videos of activities with 2, 3 and 4 phases, whose features show phase, activity and some noise."""
    rng = np.random.default_rng(seed)
    rows = []
    for role, count in (("bank", bank), ("query", query)):
        for activity in range(activities):
            for n in range(count):
                phase = np.repeat(np.arange(activity + 2), rng.integers(4, 12, activity + 2))
                feature = np.concatenate([2 * np.eye(5)[phase], 3 * np.eye(3)[[activity] * len(phase)]], axis=1)
                feature += noise * rng.normal(size=feature.shape)
                rows.append((role, activity, f"{role}{activity}.{n}", torch.from_numpy(feature).float(), phase))
    role, label, name, feature, phase = (list(column) for column in zip(*rows))
    phases = [torch.from_numpy(one) for one in phase]
    columns = dict(feature=feature, phase=phases, label=torch.tensor(label), role=role, name=name)
    return FeatureTable(dict(columns, index=torch.arange(len(rows))))


def part(table, role, activity=None):
    """Frames and phases of a role, of one activity or of all."""
    rows = [
        i for i in range(len(table))
        if table["role"][i] == role and (activity is None or int(table["label"][i]) == activity)
    ]  # fmt: skip
    return [table["feature"][i].double().numpy() for i in rows], [table["phase"][i].numpy() for i in rows]


def run(probe, table, classes=NAMES):
    metric = FeatureMetric(collapse=False)
    metric.probes = {probe.name: probe}
    metric.dataset_meta = dict(classes=classes)
    found = metric.compute_metrics([table])
    return {key.split("/")[1]: value for key, value in found.items()}, metric.found[probe.name].note


def expected(kind, table, activity, code=False):
    """Result of an activity from the functions alone."""
    (bank, phases), (query, asked) = part(table, "bank", activity), part(table, "query", activity)
    if code:
        bank, query = (position_code([len(one) for one in some]) for some in (bank, query))
    if kind is KendallTau:
        return kendall_tau(query, 2)[0]
    if kind is FrameRetrieval:
        return 100 * frame_retrieval(query, asked)[:, 2].mean()
    if kind is PhaseClassification:
        right, judged = phase_classification(bank, phases, query, asked, "carl").sum(0)
        return 100 * right / judged
    if kind is PhaseProgress:
        return phase_progress(bank, phases, query, asked, activity + 2)
    return position_r2(bank, query)


@pytest.mark.parametrize("kind", [KendallTau, FrameRetrieval, PhaseClassification, PhaseProgress, PositionProbe])
def test_each_activity_is_judged_for_itself_and_beside_the_position(kind):
    table = world()
    found, note = run(kind(), table)
    each = [expected(kind, table, activity) for activity in range(3)]
    assert [found[name] for name in NAMES] == pytest.approx(each)
    assert found["mean"] == pytest.approx(np.mean(each))
    assert found["mean_low"] <= found["mean"] <= found["mean_high"]
    assert found["position"] == pytest.approx(np.mean([expected(kind, table, activity, True) for activity in range(3)]))
    assert list(found)[:4] == ["mean", "mean_low", "mean_high", "position"]
    assert "3 activities, 9 query videos" in note


def test_several_settings_report_the_last_one():
    table = world()
    found, _ = run(FrameRetrieval(k=(5, 10)), table)
    precision = [frame_retrieval(*part(table, "query", a), (5, 10)).mean(0) for a in range(3)]
    assert [found["mean_5"], found["mean"]] == pytest.approx(100 * np.mean(precision, 0))
    found, _ = run(PhaseClassification("tcc", fractions=(0.5, 1.0)), table)
    half = [
        phase_classification(*part(table, "bank", a), *part(table, "query", a), "tcc", 0.5).sum(0) for a in range(3)
    ]
    assert found["mean_50"] == pytest.approx(100 * np.mean([right / judged for right, judged in half]))


def test_normalized_embeddings_have_the_tau_of_the_cosine():
    table = world()
    found, _ = run(KendallTau(normalize=True), table)
    unit = [[f / np.linalg.norm(f, axis=1, keepdims=True) for f in part(table, "query", a)[0]] for a in range(3)]
    assert found["mean"] == pytest.approx(np.mean([kendall_tau(one)[0] for one in unit]))


def test_actions_are_segments_of_all_activities():
    table = world(noise=1.5)
    found, _ = run(ActionRecognition(num_frames=4), table)
    sets = []
    for role in ("bank", "query"):
        data = [
            (segment_features(f, segments(p), 4), 10 * a + segments(p)[:, 2])
            for a in range(3)
            for f, p in zip(*part(table, role, a))
        ]
        sets += [np.concatenate(one) for one in zip(*data)]
    right = fit_classifier(sets[0], sets[1]).predict(sets[2]) == sets[3]
    assert found["top1"] == pytest.approx(100 * right.mean())
    each = [100 * right[sets[3] // 10 == a].mean() for a in range(3)]
    assert [found[name] for name in NAMES] == pytest.approx(each)
    assert found["mean"] == pytest.approx(np.mean(each))


def test_a_segment_may_be_the_mean_of_its_frames():
    table = world(noise=1.5)
    frames, phase = (one[0] for one in part(table, "query", 2))
    means = segment_features(frames, segments(phase), 4, "mean")
    whole = segment_features(frames, segments(phase), 4).reshape(len(means), 4, -1)
    np.testing.assert_allclose(means, whole.mean(1))
    noise = {join: run(ActionRecognition(4, join), table)[0]["top1"] for join in ("mean", "concat")}
    assert noise["mean"] != noise["concat"]


def test_few_shots_are_episodes_of_random_videos_of_the_bank():
    table = world(noise=1.0)
    found, note = run(FewShotPhases(shots=(1, 2, 9), episodes=3, protocol="casa"), table)
    shares = {1: [], 2: []}
    for a in range(3):
        (bank, phases), query = part(table, "bank", a), part(table, "query", a)
        rng = np.random.default_rng(42)
        for k, each in shares.items():
            drawn = [rng.choice(4, k, replace=False) for _ in range(3)]
            some = [([bank[i] for i in rows], [phases[i] for i in rows]) for rows in drawn]
            right, judged = np.sum([phase_classification(*one, *query, "casa") for one in some], axis=(0, 1))
            each.append(100 * right / judged)
    assert [found["mean_1"], found["mean_2"]] == pytest.approx([np.mean(shares[k]) for k in (1, 2)])
    assert found["mean"] == pytest.approx(run(PhaseClassification("casa"), table)[0]["mean"]), "all videos"
    assert "3 activities, 9 query videos" in note


def test_activities_are_apart_in_features_and_not_in_positions():
    found, _ = run(ActivitySeparability(k=5, num_frames=8), world(query=5))
    assert found["mean"] == found["mean_clips"] == found["bowl"] == 100
    assert 10 < found["position"] < 60


def test_intervals_are_drawn_over_videos():
    found, _ = run(FrameRetrieval(k=[5]), world(query=6, noise=2.0))
    few, _ = run(FrameRetrieval(k=[5]), world(query=3, noise=2.0))
    assert 0 < found["mean_high"] - found["mean_low"] < few["mean_high"] - few["mean_low"]
    same = world(query=1)
    rows = [i for i in range(len(same)) if same["role"][i] == "query"]
    same = same.take([*range(len(same)), *rows, *rows]).with_columns(index=torch.arange(len(same) + 6))
    found, _ = run(PhaseProgress(), same)  # equal videos: R^2 of whatever is drawn is the same
    assert found["mean_low"] == pytest.approx(found["mean"]) == pytest.approx(found["mean_high"])


def test_what_an_activity_lacks_leaves_it_out():
    table = world()
    phases, label = list(table["phase"]), table["label"].clone()
    for i in range(len(table)):
        if table["role"][i] == "query" and label[i] == 1:
            phases[i] = torch.full_like(phases[i], -1)  # squat: no query has phases
    query0 = [i for i in range(len(table)) if table["role"][i] == "query" and label[i] == 0]
    some = table.with_columns(phase=phases).take([i for i in range(len(table)) if i not in query0[1:]])
    found, note = run(PhaseClassification(), some)
    assert found["mean"] == pytest.approx(np.mean([found["bowl"], found["wave"]]))
    assert "squat" not in found
    assert "2 activities, 4 query videos, 1 activities left out: squat (0 query videos with phases)" in note
    found, note = run(KendallTau(), some)  # needs no phases, but pairs
    assert set(NAMES) & set(found) == {"squat", "wave"}
    assert "left out: bowl (1 query videos)" in note
    none = table.with_columns(phase=[torch.full_like(one, -1) for one in phases])
    with pytest.raises(ProtocolError, match=r"FrameRetrieval: no activity can be judged: bowl \(0 query videos"):
        run(FrameRetrieval(), none)


def test_a_collapsed_encoder_gets_numbers():
    table = world()
    still = table.with_columns(feature=[torch.ones_like(one) for one in table["feature"]])
    for kind in ALL:
        found, _ = run(kind(), still)
        assert np.isfinite(list(found.values())).all()
    assert run(KendallTau(), still)[0]["mean"] == 0


def test_names_of_activities():
    table = world(activities=2)
    assert set(run(KendallTau(), table, classes=())[0]) == {"mean", "mean_low", "mean_high", "position", "0", "1"}
    assert "1" in run(KendallTau(), table, classes=["bowl"])[0]


def test_an_encoder_with_a_stride_sees_the_phases_of_its_steps():
    table = world()
    halved = table.with_columns(feature=[one[::2] for one in table["feature"]])
    steps = [p[torch.arange(len(f)) * len(p) // len(f)] for p, f in zip(halved["phase"], halved["feature"])]
    assert run(FrameRetrieval(), halved)[0] == run(FrameRetrieval(), halved.with_columns(phase=steps))[0]
    longer = table.with_columns(feature=[torch.cat([one, one]) for one in table["feature"]])
    with pytest.raises(DataError, match=r"bank0.0 has \d+ features, but phases"):
        run(FrameRetrieval(), longer)


@pytest.mark.parametrize("kind", ALL)
def test_broken_features_are_named(kind):
    table = world()

    def replaced(value):
        return table.with_columns(feature=[value(f) if i == 5 else f for i, f in enumerate(table["feature"])])

    name = table["name"][5]
    with pytest.raises(DataError, match=rf"{name} has 1 valid frames; 2 or more"):
        run(kind(), replaced(lambda one: one[:1]))
    with pytest.raises(DataError, match=rf"1 sequences \({name}\) has no valid frame"):
        run(kind(), replaced(lambda one: one[:0]))
    with pytest.raises(DataError, match=f"not finite, of samples {name}"):
        run(kind(), replaced(lambda one: one * float("nan")))
    means = table.with_columns(feature=torch.stack([one.mean(0) for one in table["feature"]]))
    with pytest.raises(ProtocolError, match=r"frames \(T, D\).*FramePool"):
        run(kind(), means)


def test_tables_of_batches_of_one_length_and_probes_of_means_beside():
    """A batch whose videos are of one length has its phases as one tensor; KNN sees means of the same column."""
    table = world(noise=0.1)
    probes = [dict(type="KNN", k=3), dict(type="FrameRetrieval", k=[5])]
    whole = FeatureMetric(probes, collapse=False)
    found = whole.compute_metrics([table])
    batches = FeatureMetric(probes, collapse=False)
    rows = table.rows()
    for row in rows:  # of_rows makes tensors (1, T, D) and (1, T)
        batches.process(None, FeatureTable.of_rows([row]))
    assert batches.evaluate(len(rows)) == pytest.approx(found)
    assert found["knn/top1"] == 100
    assert "means over the frames" in whole.protocol
    alone = FeatureMetric(probes[1:], collapse=False)
    alone.compute_metrics([table])
    assert "means over the frames" not in alone.protocol


def test_the_protocol_runs_all_probes():
    protocol = load_protocol("alignment", Path(__file__).parents[2] / "configs" / "benchmarks")
    config = protocol.cfg["test_evaluator"]
    metric = FeatureMetric(**{key: value for key, value in config.items() if key != "type"})
    found = metric.compute_metrics([world()])
    assert protocol.metric in found
    for name, probe in metric.probes.items():
        assert f"{name}/{probe.headline}" in found
    assert metric.gives is not None
    assert {type(probe) for probe in metric.probes.values()} >= set(ALL)


def test_wrong_arguments():
    for call, message in (
        (lambda: KendallTau(stride=0), "KendallTau.stride=0"),
        (lambda: FrameRetrieval(k=()), "FrameRetrieval.k=0"),
        (lambda: FrameRetrieval(k=(5, 0)), r"FrameRetrieval.k\[1\]=0"),
        (lambda: PhaseClassification("lav"), "PhaseClassification.protocol='lav'"),
        (lambda: PhaseClassification(fractions=(0.1, 2)), r"PhaseClassification.fractions\[1\]=2"),
        (lambda: PhaseProgress("lav"), "PhaseProgress.missing='lav'"),
        (lambda: ActionRecognition(0), "ActionRecognition.num_frames=0"),
        (lambda: ActionRecognition(join="sum"), "ActionRecognition.join='sum'"),
        (lambda: FewShotPhases(episodes=0), "FewShotPhases.episodes=0"),
        (lambda: FewShotPhases(shots=(1, 0)), r"FewShotPhases.shots\[1\]=0"),
        (lambda: ActivitySeparability(num_frames=1), "ActivitySeparability.num_frames=1"),
    ):
        with pytest.raises(ConfigError, match=message):
            call()
    table = world()
    for kind in (FrameRetrieval, PhaseClassification, PhaseProgress, ActionRecognition):
        with pytest.raises(ProtocolError, match="sets no `phase`; it is for a SequenceDataset"):
            run(kind(), table.select([name for name in table if name != "phase"]))
