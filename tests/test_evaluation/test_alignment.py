"""Tau, retrieval, phases and warping against SciPy, scikit-learn, naive loops and the reference numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import kendalltau
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score

from mmsync.errors import ConfigError, DataError
from mmsync.evaluation.functional import (
    activity_separability,
    align,
    dtw_path,
    frame_retrieval,
    kendall_tau,
    phase_classification,
    phase_progress,
    position_code,
    position_r2,
    progress_targets,
)
from mmsync.evaluation.functional import alignment as module
from mmsync.evaluation.functional.phases import first_videos, segment_features, segments


@pytest.fixture(scope="module")
def reference(fixture_root):
    """Videos of a bank and queries, their phases, and the numbers of public code on them."""
    path = fixture_root / "alignment" / "metric_structured_c4.npz"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    with np.load(path) as file:
        data = dict(file)
    parts = [
        np.split(data[f"{role}_{what}"], np.cumsum(data[f"{role}_embs_len"])[:-1])
        for role in ("train", "val")
        for what in ("embs", "labels")
    ]
    return parts, data


def noisy(count=6, seed=0, dim=5):
    """Videos of uneven lengths on one path, some frames twice."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        at = np.sort(rng.uniform(0, 3, int(rng.integers(9, 30))))
        one = np.stack([np.sin((i + 1) * at / 2) for i in range(dim)], 1) + 0.3 * rng.normal(size=(len(at), dim))
        one[4] = one[3]
        found.append(one)
    found[1][2] = found[0][5]  # equal frames in two videos
    return found


def phases_of(frames):
    return [np.arange(len(one)) * 3 // len(one) for one in frames]


def naive_tau(frames, stride, metric):
    matrix = np.full((len(frames), len(frames)), np.nan)
    for i, query in enumerate(frames):
        for j, other in enumerate(frames):
            if i != j:
                place = cdist(query[::stride], other[::stride], metric).argmin(1)
                matrix[i, j] = kendalltau(np.arange(len(place)), place).statistic
    return matrix


def naive_retrieval(frames, labels, k, stride):
    found = np.zeros((len(frames), len(k)))
    for i, query in enumerate(frames):
        rest = [j for j in range(len(frames)) if j != i]
        distance = cdist(query[::stride], np.concatenate([frames[j][::stride] for j in rest]), "sqeuclidean")
        label = np.concatenate([labels[j][::stride] for j in rest])
        for c, n in enumerate(k):
            ranked = [
                label[np.argsort(row, kind="stable")[:n]] == own for row, own in zip(distance, labels[i][::stride])
            ]
            found[i, c] = np.mean([one.mean() for one in ranked])
    return found


# ------------------------------------------------------------------------------------------------------ Kendall's tau


@pytest.mark.parametrize("metric", ["sqeuclidean", "cosine"])
@pytest.mark.parametrize("stride", [1, 2, 5])
def test_tau_of_the_reference_and_of_each_pair(reference, metric, stride):
    (_, _, query, _), data = reference
    mean, matrix = kendall_tau(query, stride, metric)
    assert mean == pytest.approx(float(data[f"tau_{metric}_s{stride}"]), abs=1e-6)
    np.testing.assert_allclose(matrix, naive_tau(query, stride, metric), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("stride", [1, 2])
def test_tau_equals_scipys_with_ties(dtype, stride):
    frames = [one.astype(dtype) for one in noisy()]
    mean, matrix = kendall_tau(frames, stride)
    expected = naive_tau(frames, stride, "sqeuclidean")
    np.testing.assert_allclose(matrix, expected, atol=1e-12)
    assert mean == pytest.approx(np.nanmean(expected))


@pytest.mark.parametrize("kind", ["one-hot", "integers", "far away", "almost equal"])
def test_the_first_of_equally_near_frames_counts(kind):
    rng = np.random.default_rng(3)
    frames = {
        "one-hot": [np.eye(4)[np.sort(rng.integers(0, 4, 30))] for _ in range(4)],
        "integers": [rng.integers(0, 3, (30, 7)).astype(float) for _ in range(4)],
        "far away": [1e6 + rng.normal(size=(30, 7)) for _ in range(4)],
        "almost equal": [1 + 1e-9 * rng.normal(size=(30, 7)) for _ in range(4)],
    }[kind]
    np.testing.assert_allclose(kendall_tau(frames, 1)[1], naive_tau(frames, 1, "sqeuclidean"), atol=1e-12)
    labels = phases_of(frames)
    expected = naive_retrieval(frames, labels, (1, 5, 15), 1)
    np.testing.assert_allclose(frame_retrieval(frames, labels, (1, 5, 15), 1), expected, atol=1e-12)


def test_tau_of_monotone_and_reversed_maps():
    one = np.linspace(0, 1, 41)[:, None] ** 2 * np.array([1.0, 2.0])
    assert kendall_tau([one, one])[0] == pytest.approx(1)
    assert kendall_tau([one, one[::-1]])[0] == pytest.approx(-1)


def test_tau_of_collapsed_videos_is_unknown():
    mean, matrix = kendall_tau([np.ones((6, 2))] * 3)
    assert np.isnan(mean)
    assert np.isnan(matrix).all()
    moving = np.linspace(0, 1, 12)[:, None]
    mean, matrix = kendall_tau([moving, moving, np.zeros((12, 1))], 1)
    assert mean == pytest.approx(1)  # pairs with the still one have none
    assert np.isfinite(matrix).sum() == 2


def test_blocks_do_not_change_the_results(monkeypatch):
    frames = noisy(8)
    labels = phases_of(frames)
    tau, precision = kendall_tau(frames, 1)[1], frame_retrieval(frames, labels, (3, 7), 1)
    monkeypatch.setattr(module, "_BLOCK", 64)
    np.testing.assert_array_equal(kendall_tau(frames, 1)[1], tau)
    np.testing.assert_array_equal(frame_retrieval(frames, labels, (3, 7), 1), precision)


# ---------------------------------------------------------------------------------------------------------- retrieval


@pytest.mark.parametrize("stride", [1, 2])
def test_retrieval_of_the_reference(reference, stride):
    (_, _, query, phases), data = reference
    found = frame_retrieval(query, phases, (5, 10, 15), stride).mean(0)
    np.testing.assert_allclose(found, [data[f"ap{k}_s{stride}"] for k in (5, 10, 15)], atol=1e-6)


def test_retrieval_equals_the_loop_and_leaves_out_the_background():
    frames = noisy()
    labels = phases_of(frames)
    np.testing.assert_allclose(frame_retrieval(frames, labels), naive_retrieval(frames, labels, (5, 10, 15), 2))
    masked = [np.where(np.arange(len(one)) % 4 == 1, -1, one) for one in labels]
    kept = [np.flatnonzero(one >= 0) for one in masked]
    shorter = naive_retrieval([f[k] for f, k in zip(frames, kept)], [p[k] for p, k in zip(masked, kept)], (2, 4), 1)
    np.testing.assert_allclose(frame_retrieval(frames, masked, (2, 4), 1), shorter)
    masked[2] = np.full(len(frames[2]), -1)
    found = frame_retrieval(frames, masked, (2, 4), 1)
    assert np.isnan(found[2]).all()
    assert np.isfinite(np.delete(found, 2, 0)).all()


def test_retrieval_of_one_hot_phases_is_whole():
    labels = [np.repeat(np.arange(4), 2 * n) for n in (4, 5, 6, 7)]
    assert (frame_retrieval([np.eye(4)[one] for one in labels], labels, (5, 10)) == 1).all()


def test_retrieval_with_few_candidates_takes_all():
    frames = [np.arange(4.0)[:, None], np.arange(6.0)[:, None]]
    labels = [np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 1])]
    found = frame_retrieval(frames, labels, (2, 50), stride=1)
    np.testing.assert_allclose(found[:, 1], [0.5, 0.5])
    np.testing.assert_allclose(found, naive_retrieval(frames, labels, (2, 50), 1))


def test_separability_of_activities():
    rng = np.random.default_rng(0)
    activity = np.repeat([0, 1, 2], 4)
    apart = [10 * np.eye(3)[a] + 0.1 * rng.normal(size=(20, 3)) for a in activity]
    assert [one.tolist() for one in activity_separability(apart, activity)] == [[1.0] * 12] * 2
    mixed = [rng.normal(size=(20, 3)) for _ in range(60)]
    of_frames, clips = activity_separability(mixed, np.repeat([0, 1, 2], 20))
    assert of_frames.mean() == pytest.approx(19 / 59, abs=0.05)  # chance
    assert clips.mean() == pytest.approx(19 / 59, abs=0.12)


# -------------------------------------------------------------------------------------------------------------- phases


@pytest.mark.parametrize(("fraction", "place"), [(0.1, 0), (0.5, 1), (1.0, 2)])
def test_progress_and_svc_of_the_reference(reference, fraction, place):
    (bank, phases, query, asked), data = reference
    count = first_videos(len(bank), fraction)
    for missing in ("tcc", "casa", "carl"):  # no phase is missing
        parts = bank[:count], phases[:count]
        own = phase_progress(*parts, *parts, 4, missing)
        other = phase_progress(*parts, query, asked, 4, missing)
        np.testing.assert_allclose([own, other], data[f"progress_carl_{fraction}"], atol=1e-6)
    right, judged = phase_classification(bank, phases, query, asked, "tcc", fraction).sum(0)
    assert right / judged == pytest.approx(float(data["svc_rbf_acc"][place]), abs=1e-6)


def test_targets_and_logistic_regression_of_the_reference(reference):
    (bank, phases, query, asked), data = reference
    np.testing.assert_allclose(np.concatenate(progress_targets(asked, 4)), data["progress_targets_val"], atol=1e-12)
    assert phase_progress(bank, phases, query, asked, 4, "casa") == pytest.approx(data["progress_casa"][1], abs=1e-6)
    right, judged = phase_classification(bank, phases, query, asked, "casa").sum(0)
    assert right / judged == pytest.approx(float(data["logreg_modern_acc"]), abs=1e-6)


def test_binary_classification_is_the_multinomial_one():
    """A softmax over two vectors of weights w, -w has penalty |w|^2 twice at half of the logit: C=2 of one vector."""
    from scipy.optimize import minimize

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(80, 3)), np.repeat([0, 1], 40)
    x[y == 1] += 0.8

    def objective(flat):
        weight, bias = flat[:6].reshape(2, 3), flat[6:]
        logits = x @ weight.T + bias
        likelihood = np.logaddexp.reduce(logits, axis=1) - logits[np.arange(80), y]
        return likelihood.sum() + 0.5 * (weight**2).sum()

    best = minimize(objective, np.zeros(8), method="BFGS", options=dict(gtol=1e-8)).x
    logits = x @ best[:6].reshape(2, 3).T + best[6:]
    from mmsync.evaluation.functional.phases import fit_classifier

    probability = fit_classifier(x, y).predict_proba(x)[:, 1]
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(logits[:, 0] - logits[:, 1])), atol=2e-3)
    assert np.abs(LogisticRegression(C=1).fit(x, y).predict_proba(x)[:, 1] - probability).max() > 5e-3


def test_progress_equals_scikit_learns_regression():
    bank, query = noisy(5, 1), noisy(4, 2)
    phases, asked = phases_of(bank), phases_of(query)
    y, wanted = (np.concatenate(progress_targets(one, 3)) for one in (phases, asked))
    scores = []
    for column in range(2):
        model = LinearRegression().fit(np.concatenate(bank), y[:, column])
        scores.append(r2_score(wanted[:, column], model.predict(np.concatenate(query))))
    assert phase_progress(bank, phases, query, asked, 3) == pytest.approx(np.mean(scores), abs=1e-10)


def test_progress_of_the_targets_themselves_is_one():
    phases = [np.repeat(np.arange(3), n) for n in ([4, 5, 6], [9, 2, 3], [5, 5, 1])]
    targets = progress_targets(phases, 3)
    assert phase_progress(targets, phases, targets, phases, 3) == pytest.approx(1)


@pytest.mark.parametrize(
    ("phase", "missing", "ends"),
    [
        ([0, 0, 1, 2, 2], "tcc", [1, 2]),
        ([0, 0, 2, 2, 2], "tcc", [1, 2]),  # the first frame beyond phase 1
        ([0, 0, 0, 0, 0], "tcc", [0 + 4, 4]),
        ([0, 0, 0, 1, 1], "tcc", [2, 4]),
        ([1, 1, 1, 2, 2], "tcc", [0, 2]),
        ([0, 0, 2, 2, 2], "casa", [1, 5]),  # the last event: T
        ([1, 1, 1, 2, 2], "casa", [0, 2]),
    ],
)
def test_targets_of_missing_phases(phase, missing, ends):
    if phase == [0, 0, 0, 0, 0]:
        ends = [4, 4]  # phase 0 ends with the video
    expected = (np.arange(5)[:, None] - np.array(ends)) / 5
    np.testing.assert_allclose(progress_targets([np.array(phase)], 3, missing)[0], expected)


def test_casa_copies_the_event_before():
    found = progress_targets([np.array([0, 0, 2, 2, 3])], 4, "casa")[0]
    np.testing.assert_allclose(found[:, 1], found[:, 0])
    with pytest.raises(DataError, match="video 1 has no frame of phase 1; use missing='tcc'"):
        progress_targets([np.array([0, 1, 2]), np.array([0, 2, 2])], 3, "carl")


def test_classification_takes_the_first_videos_and_no_background():
    bank, query = noisy(5, 1), noisy(3, 2)
    phases, asked = phases_of(bank), phases_of(query)
    phases[0][:4] = -1
    asked[1][-3:] = -1
    found = phase_classification(bank, phases, query, asked, "casa", 0.5)  # int(2.5) videos
    x, y = np.concatenate(bank[:2]), np.concatenate(phases[:2])
    model = LogisticRegression(max_iter=100_000).fit(x[y >= 0], y[y >= 0])
    for frames, phase, (right, judged) in zip(query, asked, found):
        known = phase >= 0
        assert judged == known.sum()
        assert right == (model.predict(frames)[known] == phase[known]).sum()
    assert [first_videos(n, 0.1) for n in (1, 10, 29)] == [1, 1, 2]
    still = phase_classification(bank, [np.zeros(len(f), int) for f in bank], query, asked)  # one phase: its own answer
    assert still[:, 0].sum() == sum((one == 0).sum() for one in asked)


def test_carl_classifies_directions():
    bank, query = noisy(5, 1), noisy(3, 2)
    phases, asked = phases_of(bank), phases_of(query)
    longer = [one * np.linspace(0.1, 9, len(one))[:, None] for one in query]
    found = [phase_classification(bank, phases, some, asked, "carl") for some in (query, longer)]
    np.testing.assert_array_equal(*found)


def test_segments_are_runs_without_background():
    phase = np.array([-1, 0, 0, 2, 2, 2, -1, 0])
    assert segments(phase).tolist() == [[1, 3, 0], [3, 6, 2], [7, 8, 0]]
    assert segments(np.array([5])).tolist() == [[0, 1, 5]]
    frames = np.arange(8.0)[:, None]
    found = segment_features(frames, segments(phase), 4)
    expected = [np.linspace(s, e - 1, 4).round() for s, e, _ in segments(phase)]
    np.testing.assert_array_equal(found, expected)


def test_position_code_holds_the_position():
    code = position_code([30, 50, 44])
    assert [one.shape for one in code] == [(30, 8), (50, 8), (44, 8)]
    np.testing.assert_allclose(code[0][15], code[1][25])
    assert kendall_tau(code)[0] > 0.99
    assert position_r2(code, code) > 0.99
    noise = [np.random.default_rng(i).normal(size=(40, 3)) for i in range(6)]
    assert position_r2(noise[:3], noise[3:]) < 0.1
    assert position_r2([np.arange(9)[:, None] / 9], [np.arange(9)[:, None] / 9]) == pytest.approx(1)


# ------------------------------------------------------------------------------------------------------------- warping


def naive_path(cost):
    n, m = cost.shape
    total = np.full((n + 1, m + 1), np.inf)
    total[0, 0] = 0
    for i in range(n):
        for j in range(m):
            total[i + 1, j + 1] = cost[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    path, i, j = [], n, m
    while i and j:
        path.append((i - 1, j - 1))
        way = int(np.argmin([total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]]))
        i, j = i - (way != 2), j - (way != 1)
    return np.array(path[::-1]), total[n, m]


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (7, 7), (12, 5), (4, 17)])
@pytest.mark.parametrize("ties", [False, True])
def test_warping_path_is_that_of_the_loop(shape, ties):
    rng = np.random.default_rng(sum(shape))
    cost = rng.integers(0, 3, shape).astype(float) if ties else rng.random(shape)
    path, expected = dtw_path(cost), naive_path(cost)
    np.testing.assert_array_equal(path, expected[0])
    assert cost[path[:, 0], path[:, 1]].sum() == pytest.approx(expected[1])


def test_align_finds_the_warp_and_not_its_inverse():
    slow = np.linspace(0, 1, 21)[:, None]
    fast = slow[::2]
    np.testing.assert_array_equal(align(fast, slow), np.arange(0, 21, 2))
    for how in ("nearest", "dtw"):
        assert np.abs(align(fast, slow, how) - np.arange(0, 21, 2)).max() <= 1  # warping passes by every frame
        found = align(slow, fast, how)
        assert found.dtype == np.int64
        assert np.abs(found - np.arange(21) / 2).max() <= 0.5
    repeated = np.array([[0.0], [1.0], [1.0], [1.0], [2.0]])
    np.testing.assert_array_equal(align(np.array([[0.0], [1.0], [2.0]]), repeated, "dtw"), [0, 1, 4])  # the first entry


# ----------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([np.zeros((5, 2))], "no other"),
        ([], "no sequence"),
        ([np.zeros((5, 2)), np.zeros((1, 2))], "sequence 1 has 1 frames, but 2"),
        ([np.zeros((5, 2)), np.zeros((0, 2))], "sequence 1 has 0 frames.*masked"),
        ([np.zeros((5, 2)), np.zeros((5, 3))], r"sequence 1 has the shape \(5, 3\)"),
        ([np.zeros((5, 2)), np.full((5, 2), np.nan)], "sequence 1 holds values that are not finite"),
    ],
)
def test_broken_embeddings(frames, message):
    with pytest.raises(DataError, match=message):
        kendall_tau(frames)


def test_wrong_arguments():
    frames = noisy(2)
    labels = phases_of(frames)
    for call, message in (
        (lambda: kendall_tau(frames, stride=0), "stride=0"),
        (lambda: kendall_tau(frames, metric="l2"), "metric='l2'"),
        (lambda: frame_retrieval(frames, labels, k=()), "k="),
        (lambda: progress_targets(labels, 3, "lav"), "missing='lav'"),
        (lambda: phase_classification(frames, labels, frames, labels, "svm"), "protocol='svm'"),
        (lambda: phase_classification(frames, labels, frames, labels, fraction=0), "fraction=0"),
        (lambda: align(frames[0], frames[1], "soft"), "how='soft'"),
    ):
        with pytest.raises(ConfigError, match=message):
            call()
    for call, message in (
        (lambda: frame_retrieval(frames, labels[::-1]), "more or fewer labels"),
        (lambda: progress_targets(labels, 1), "no event"),
        (lambda: dtw_path(np.array([[np.nan]])), "finite"),
        (lambda: phase_classification(frames, [one * 0 - 1 for one in labels], frames, labels), "has a phase"),
    ):
        with pytest.raises(DataError, match=message):
            call()
