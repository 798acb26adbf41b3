"""Synthetic sequences are deterministic, complete and rigid; neither position nor a single frame gives the phase."""

from __future__ import annotations

import numpy as np
import pytest

from mmsync import testing
from mmsync.datasets.sources import SyntheticSequenceSource
from mmsync.errors import ConfigError, DataError, LayoutError
from mmsync.structures.layout import SkeletonLayout, remap_index
from mmsync.worlds import ACTIVITIES
from mmsync.worlds import kinematics as body
from mmsync.worlds.activities import MOVES

# Penn Action's phases: key events and one (the table of published label files)
PENN = {
    "baseball_pitch": 4, "baseball_swing": 3, "bench_press": 2, "bowling": 3, "clean_and_jerk": 6, "golf_swing": 3,
    "jumping_jacks": 4, "pullups": 2, "pushups": 2, "situp": 2, "squats": 4, "tennis_forehand": 3, "tennis_serve": 4,
}  # fmt: skip


def moves_of(name):
    steps = [step for steps in ACTIVITIES[name].phases.values() for step in steps]
    return {move for step in steps for move in ((step,) if isinstance(step, str) else step)}


def only(name, count=4, **arguments):
    return SyntheticSequenceSource((count, 0), activities=[name], **arguments)


def test_it_keeps_the_contract_of_sources():
    testing.check_source(dict(type="SyntheticSequenceSource", num_sequences=(2, 1)))


def test_activities_have_the_phases_of_penn_action():
    assert {name: len(activity.phases) for name, activity in ACTIVITIES.items()} == PENN
    source = SyntheticSequenceSource((1, 1))
    assert source.class_names == list(PENN)
    assert {name: len(phases) for name, phases in source.phases.items()} == PENN


def test_most_activities_share_sub_motions_with_others_and_every_one_is_used():
    moves = {name: moves_of(name) for name in ACTIVITIES}
    sharing = [one for one in moves if any(moves[one] & moves[other] for other in moves if other != one)]
    assert len(sharing) >= 10
    assert set(MOVES) == set().union(*moves.values(), {"stand"}, *(activity.start for activity in ACTIVITIES.values()))


def test_same_sequence_in_any_order_and_size():
    small, large = SyntheticSequenceSource((2, 1), seed=3), SyntheticSequenceSource((4, 3), seed=3)
    for split, count in (("train", 26), ("val", 13)):
        assert [name[:8] for name in small.splits[split]] == [name[:8] for name in large.splits[split][:count]]
        for name, other in list(zip(small.splits[split], large.splits[split]))[::-5]:
            one, two = small.names.index(name), large.names.index(other)
            np.testing.assert_array_equal(small.load(one), large.load(two))
            np.testing.assert_array_equal(small.frame_labels(one), large.frame_labels(two))
    assert not np.array_equal(SyntheticSequenceSource((2, 1), seed=4).load(0)[:40], small.load(0)[:40])


def test_parts_are_balanced_and_share_no_performer():
    source = SyntheticSequenceSource((6, 3))
    train = np.isin(source.names, source.splits["train"])
    np.testing.assert_array_equal(np.bincount(source.labels[train]), np.full(13, 6))
    np.testing.assert_array_equal(np.bincount(source.labels[~train]), np.full(13, 3))
    subject = source.attributes["subject"]
    assert not set(subject[train]) & set(subject[~train])


@pytest.mark.parametrize("num_frames", [(40, 120), (15, 15)])
def test_every_sequence_has_all_phases_in_order_and_is_finite(num_frames):
    source = SyntheticSequenceSource((5, 5), num_frames=num_frames)
    lengths = []
    for index, label in enumerate(source.labels):
        sequence, phase = source.load(index), source.frame_labels(index)
        assert (sequence.shape, sequence.dtype, phase.dtype) == ((len(phase), 25, 3), np.float32, np.int64)
        assert np.isfinite(sequence).all()
        assert not sequence.flags.writeable
        assert not phase.flags.writeable
        steps = np.diff(phase)
        assert set(steps) <= {0, 1}
        assert (phase[0], phase[-1]) == (0, len(source.phases[source.class_names[label]]) - 1)
        lengths.append(len(phase))
    assert num_frames[0] <= min(lengths) <= max(lengths) <= num_frames[1]
    assert len(set(lengths)) > 30 or num_frames[0] == num_frames[1]


def test_cycles_repeat_the_phases_of_cyclic_activities():
    for index in range(4):
        phase = only("squats", cycles=(3, 3)).frame_labels(index)
        changes = np.flatnonzero(np.diff(phase))
        assert phase[np.append(changes, len(phase) - 1)].tolist() == [0, 1, 2, 3] * 3
        assert only("golf_swing", cycles=(3, 3)).frame_labels(index)[-1] == 2


def test_early_end_leaves_out_the_last_phases_of_some():
    source = only("clean_and_jerk", 30, early_end=0.5)
    last = [int(source.frame_labels(index)[-1]) for index in range(30)]
    assert len(set(last)) > 2
    assert 5 < last.count(5) < 25
    assert all(source.frame_labels(index)[0] == 0 for index in range(30))


def test_bones_keep_their_lengths_without_noise():
    source = SyntheticSequenceSource((1, 0), noise=0)
    parents = np.where(body.PARENTS < 0, 0, body.PARENTS)
    for index in range(len(source)):
        sequence = source.load(index)
        length = np.linalg.norm(sequence - sequence[:, parents], axis=-1)
        np.testing.assert_allclose(length, length[:1].repeat(len(length), axis=0), atol=2e-5)


def test_motions_are_what_their_names_say():
    """Heights over the floor, of a level camera, at the ends of phases."""

    def height(name, joints):
        source = only(name, 6, noise=0, pitch=0, roll=0, num_frames=(300, 300))
        for index in range(6):
            y, phase = source.load(index)[:, :, 1], source.frame_labels(index)
            ends = np.append(np.flatnonzero(np.diff(phase)), len(phase) - 1)
            yield y[0, joints].mean(), *y[ends][:, joints].mean(axis=1)

    for start, half, floor, up, end in height("squats", [body.SPINE_BASE]):
        assert floor < half - 0.1 < start - 0.18
        assert floor < up - 0.05
        assert end > floor + 0.2
    for down, chest, *_ in height("pushups", [body.SPINE_SHOULDER]):
        assert chest < down - 0.1
    for hang, top, _ in height("pullups", [body.HEAD]):
        assert top > hang + 0.2
    for lying, curled, _ in height("situp", [body.HEAD]):
        assert curled > lying + 0.2
    for start, shoulders, overhead, *_ in height("jumping_jacks", [body.LEFT_HAND, body.RIGHT_HAND]):
        assert start < shoulders - 0.2 < overhead - 0.3


def test_layouts_and_pictures():
    plain = only("bowling").load(0)
    index = np.ravel(remap_index("ntu25", SkeletonLayout.get("kinect20")))
    source = only("bowling", layout="kinect20")
    assert source.joints == (20, 3)
    np.testing.assert_array_equal(source.load(0), plain[:, index])
    source = only("bowling", layout="coco17")
    assert (source.joints, source.load(0).shape) == ((17, 2), (len(plain), 17, 2))
    pixels = only("bowling", num_coords=2).load(0)
    np.testing.assert_allclose(pixels[..., 0], 960 - 1060 * plain[..., 0] / plain[..., 2], rtol=1e-5)
    np.testing.assert_allclose(pixels[..., 1], 540 - 1060 * plain[..., 1] / plain[..., 2], rtol=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        dict(activities=["juggling"]), dict(activities=[]), dict(num_sequences=(2,)), dict(num_sequences=(2, -1)),
        dict(num_frames=(9, 20)), dict(num_frames=(30, 20)), dict(cycles=(0, 1)), dict(cycles=(1, 9)),
        dict(early_end=1.5), dict(noise=-1), dict(num_coords=4),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ConfigError):
        SyntheticSequenceSource(**wrong)


def test_wrong_layout_and_index_are_refused():
    with pytest.raises(LayoutError):
        SyntheticSequenceSource((1, 1), layout="mano21")
    with pytest.raises(DataError):
        SyntheticSequenceSource((1, 1)).load(26)


def test_neither_position_nor_a_single_frame_gives_the_phase_away():
    """Measured 69.3 % and 58.7 %, where the most frequent phase has 45.6 %."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    source = SyntheticSequenceSource((20, 10))
    train = np.isin(source.names, source.splits["train"])

    def position(sequence):
        return np.linspace(0, 1, len(sequence))[:, None]

    def joints(sequence):
        trunk = np.linalg.norm(sequence[:, body.SPINE_SHOULDER] - sequence[:, body.SPINE_BASE], axis=1).mean()
        return ((sequence - sequence[:, :1]) / trunk).reshape(len(sequence), -1)

    def accuracy(code, label):
        parts = []
        for part in (train, ~train):
            chosen = np.flatnonzero(part & (source.labels == label))
            parts.append(np.concatenate([code(source.load(index)) for index in chosen]))
            parts.append(np.concatenate([source.frame_labels(index) for index in chosen]))
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
        return model.fit(parts[0][::2], parts[1][::2]).score(parts[2], parts[3])

    assert 0.5 < np.mean([accuracy(position, label) for label in range(13)]) < 0.73
    assert 0.5 < np.mean([accuracy(joints, label) for label in range(13)]) < 0.8
