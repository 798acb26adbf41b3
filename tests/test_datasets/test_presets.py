"""Proves of each preset that it makes what its published preparation makes.

The oracles read raw bodies frame by frame, in plain loops, as the published scripts do. The clips are the synthetic
world's: ghosts, lost tracks, changed order, empty frames, bystanders.
"""

from __future__ import annotations

import numpy as np
import pytest

from mmsync.datasets.sources import SyntheticSource
from mmsync.datasets.transforms import AGCNPreset, AimCLR50, CTRGCNPreset, PreNormalize3D, PYSKLPreset
from mmsync.datasets.transforms.presets import turn_onto, two_actors
from mmsync.errors import ConfigError, DataError, LayoutError
from mmsync.structures import SkeletonLayout
from mmsync.worlds.ntu_raw import RawTracks, track

NTU = SkeletonLayout.get("ntu25")
SHARES = dict(ghosts=0.6, swaps=0.5, dropouts=0.5, crowd=0.3)


@pytest.fixture(scope="module")
def clips():
    """Raw tracks of 48 clips, most of them disturbed."""
    source = SyntheticSource((48, 2), num_frames=(20, 70))
    return [track(source.load(i), np.random.default_rng(i), **SHARES) for i in range(48)]


def run(preset, tracks, layout=NTU, slots=True):
    results = dict(
        keypoint=tracks.keypoint.astype(np.float32), layout=layout, num_coords=3, name="clip",
        person_mask=np.ones(len(tracks.keypoint), dtype=bool), body_slots=tracks.slots if slots else None,
    )  # fmt: skip
    out = preset.transform(results)
    assert "body_slots" not in out
    assert out["keypoint"].dtype == np.float32
    assert np.array_equal(out["person_mask"], out["keypoint"].any((1, 2, 3)))
    return out["keypoint"]


def file_frames(tracks):
    """The raw file: for each frame a list of (id, joints), in the order of the file."""
    frames = []
    for t in range(tracks.slots.shape[1]):
        listed = sorted((tracks.slots[m, t], m) for m in range(len(tracks.ids)) if tracks.slots[m, t] >= 0)
        frames.append([(tracks.ids[m], tracks.keypoint[m, t].astype(np.float32)) for _, m in listed])
    return frames


# --- spec 1.3


def naive_aimclr(tracks, length):
    frames = file_frames(tracks)
    raw = np.zeros((300, 25, 3, 2))
    for t, bodies in enumerate(frames):
        for m, (_, joints) in enumerate(bodies[:2]):
            raw[t, :, :, m] = joints
    count = sum(abs(raw[t, 0, :, 0]).sum() != 0 for t in range(300))
    raw = raw - raw[:, 20:21]
    out = np.zeros((2, length, 25, 3))
    for m in range(2):
        for i in range(length):
            at = min(max((i + 0.5) * count / length - 0.5, 0), count - 1)
            low = int(np.floor(at))
            high = min(low + 1, count - 1)
            out[m, i] = (1 - (at - low)) * raw[low, :, :, m] + (at - low) * raw[high, :, :, m]
        sign = -1 if sum(out[m, t, 8, 2] - out[m, t, 4, 2] for t in range(length)) >= 0 else 1
        for t in range(length):
            v = out[m, t, 8] - out[m, t, 4]
            angle = sign * np.arccos(v[0] / (np.sqrt(v[0] ** 2 + v[2] ** 2) + 1e-4))
            c, s = np.cos(angle), np.sin(angle)
            for j in range(25):
                out[m, t, j] = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]) @ out[m, t, j]
    return out


def test_aimclr50(clips):
    for tracks in clips[::3]:
        out = run(AimCLR50(length=20), tracks)
        np.testing.assert_allclose(out, naive_aimclr(tracks, 20), atol=2e-4)


def test_aimclr50_keeps_the_centre_of_a_clip_that_is_too_long(clips):
    tracks = next(one for one in clips if one.slots.shape[1] > 40)
    frames = tracks.slots.shape[1]
    begin = (frames - 31) // 2
    inner = tracks._replace(
        keypoint=tracks.keypoint[:, begin : begin + 31], slots=tracks.slots[:, begin : begin + 31]
    )  # fmt: skip
    np.testing.assert_array_equal(run(AimCLR50(20, max_frames=31), tracks), run(AimCLR50(20), inner))


# --- spec 1.4


def naive_actors(tracks, shared=1):
    """B1 to B3: list of frames (150,) or (75,), and whether several bodies were there."""

    def apart(start, end, other):
        return sum(start <= t <= end for t in other) <= shared

    bodies, valid = {}, -1
    for listed in file_frames(tracks):
        if not listed:
            continue
        valid += 1
        for who, joints in listed:
            body = bodies.setdefault(who, dict(joints=[], interval=[]))
            body["interval"].append(body["interval"][-1] + 1 if body["interval"] else valid)
            body["joints"].append(joints.astype(float))
    num = valid + 1
    several = len(bodies) > 1
    if several:
        for body in bodies.values():
            points = np.array([p for frame in body["joints"] for p in frame])
            body["motion"] = sum(np.var(points[:, c]) for c in range(3))
        for who in list(bodies):
            if len(bodies[who]["joints"]) <= 11:
                del bodies[who]
        if len(bodies) > 1:
            for who in list(bodies):
                if len(bodies) == 1:
                    break
                good = []
                for frame in bodies[who]["joints"]:
                    x, y = (max(frame[:, c]) - min(frame[:, c]) for c in (0, 1))
                    if not x > 0.8 * y:
                        good.append(frame)
                total = len(bodies[who]["joints"])
                if (total - len(good)) / total >= 0.69754:
                    del bodies[who]
                elif len(good) < total:
                    points = np.array([p for frame in good for p in frame])
                    fewer = sum(np.var(points[:, c]) for c in range(3))
                    bodies[who]["motion"] = min(bodies[who]["motion"], fewer)
        ordered = sorted(bodies.values(), key=lambda body: body["motion"], reverse=True)
    else:
        ordered = list(bodies.values())
    if len(ordered) == 1:
        out = np.zeros((num, 75))
        for t, joints in zip(ordered[0]["interval"], ordered[0]["joints"]):
            out[t] = joints.ravel()
    else:
        out = np.zeros((num, 150))
        start1, end1, start2, end2 = ordered[0]["interval"][0], ordered[0]["interval"][-1], 0, -1
        for k, body in enumerate(ordered):
            start, end = body["interval"][0], body["interval"][-1]
            rows = np.array(body["joints"]).reshape(-1, 75)
            if k == 0 or apart(start, end, range(start1, end1 + 1)):
                out[start : end + 1, :75] = rows
                start1, end1 = min(start, start1), max(end, end1)
            elif apart(start, end, range(start2, end2 + 1)):
                out[start : end + 1, 75:] = rows
                start2, end2 = min(start, start2), max(end, end2)
    return out, several


def naive_ctrgcn(tracks, second):
    out, several = naive_actors(tracks)
    if several:
        out = np.array([frame for frame in out if frame.sum() != 0])
    first = next(t for t in range(len(out)) if out[t, :75].any())
    origin = out[first, 3:6].copy()
    two = out.shape[1] == 150
    result = np.zeros((len(out), 150))
    for t, frame in enumerate(out):
        for m in range(1 + two):
            part = frame[75 * m : 75 * m + 75]
            if not two or part.any():
                result[t, 75 * m : 75 * m + 75] = part - np.tile(origin, 25)
    if not two and second == "copy":
        result[:, 75:] = result[:, :75]
    return result.reshape(-1, 2, 25, 3).swapaxes(0, 1)


@pytest.mark.parametrize("second", ["zeros", "copy"])
def test_ctrgcn(clips, second):
    kinds = set()
    for tracks in clips:
        out = run(CTRGCNPreset(second_person=second), tracks)
        want = naive_ctrgcn(tracks, second)
        assert out.shape == want.shape
        np.testing.assert_allclose(out, want, atol=1e-5)
        kinds.add((len(tracks.ids) > 1, bool(out[1].any())))
    assert len(kinds) == (3 if second == "zeros" else 2)  # one id; several ids of one person; of two persons


def body(frames, start, length, wide=False, move=0.0, seed=0):
    """A track of ``length`` frames from ``start`` on, ``(frames, 25, 3)``."""
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 0.01, (frames, 25, 3)) + np.linspace(0, 1, 25)[:, None] * ((1, 0, 0) if wide else (0, 1, 0))
    points += np.arange(frames)[:, None, None] * move + 2
    seen = np.zeros(frames, dtype=bool)
    seen[start : start + length] = True
    return points * seen[:, None, None], seen


def actors(*bodies):
    points, seen = map(np.stack, zip(*bodies))
    return two_actors(points, seen)


def test_the_limits_of_the_denoising():
    still, moving = body(40, 0, 40), body(40, 0, 40, move=0.05, seed=1)
    np.testing.assert_array_equal(actors(still, moving), np.stack([moving[0], still[0]]))
    assert len(actors(still, body(40, 3, 11, move=0.5, seed=2))) == 1  # 11 frames are noise, 12 are not
    assert len(actors(still, body(40, 3, 12, move=0.5, seed=2))) == 2
    assert len(actors(still, body(40, 0, 40, wide=True, seed=3))) == 1
    wide = body(40, 0, 40, wide=True, seed=4)
    np.testing.assert_array_equal(actors(wide), wide[0][None])  # the last one stays
    np.testing.assert_array_equal(actors(body(40, 0, 40, wide=True), wide), wide[0][None])
    assert actors(body(60, 30, 20)).shape[1] == 20  # frames without a body are left out

    # lost and found under another id: one person; with one that overlaps both: person 2
    first, second = body(40, 0, 18, move=0.02, seed=5), body(40, 20, 20, move=0.02, seed=6)
    out = actors(first, second)
    np.testing.assert_array_equal(out[0], (first[0] + second[0])[first[1] | second[1]])
    assert not out[1].any()
    out = actors(first, second, still)
    np.testing.assert_array_equal(out, np.stack([first[0] + second[0], still[0]]))
    with pytest.raises(DataError, match=r"none seen for 12 frames \(the longest for 8\)"):
        actors(body(40, 0, 8), body(40, 4, 7))


def as_tracks(*found):
    """Tracks of several ``body(...)``, listed in their order."""
    points, seen = map(np.stack, zip(*found))
    slots = np.where(seen, seen.cumsum(0) - 1, -1).astype(np.int8)
    return RawTracks([str(i) for i in range(len(points))], points.astype(np.float32), slots)


def test_ctrgcn_keeps_empty_frames_of_the_only_body():
    """A frame that lists one body without coordinates is moved like the others; of several bodies it is removed."""
    points, seen = body(30, 0, 30, move=0.02)
    points[10:13] = 0
    alone = as_tracks((points, seen))
    out = run(CTRGCNPreset(), alone)
    assert out.shape[1] == 30
    np.testing.assert_allclose(out[0, 10:13], np.tile(-points[0, 1], (3, 25, 1)), atol=1e-6)
    np.testing.assert_allclose(out, naive_ctrgcn(alone, "zeros"), atol=1e-5)
    disturbed = as_tracks((points, seen), body(30, 4, 5, seed=1))  # a ghost of 5 frames
    out = run(CTRGCNPreset(), disturbed)
    assert out.shape[1] == 27
    np.testing.assert_allclose(out, naive_ctrgcn(disturbed, "zeros"), atol=1e-5)


def test_tracks_that_share_one_frame():
    """One person in CTR-GCN, two in PYSKL."""
    tracks = as_tracks(body(40, 0, 20, move=0.02, seed=1), body(40, 19, 21, move=0.01, seed=2))
    out = run(CTRGCNPreset(), tracks)
    assert not out[1].any()
    np.testing.assert_allclose(out, naive_ctrgcn(tracks, "zeros"), atol=1e-5)
    out = run(PYSKLPreset(), tracks)
    assert len(out) == 2
    np.testing.assert_allclose(out, naive_pyskl(tracks), atol=1e-4)
    apart = as_tracks(body(40, 0, 20, move=0.02, seed=1), body(40, 20, 20, move=0.01, seed=2))
    assert len(run(PYSKLPreset(), apart)) == 2
    assert not run(PYSKLPreset(), apart)[1].any()


def test_pyskl_keeps_clips_that_are_centred_on_their_mean():
    points, seen = body(30, 0, 30, move=0.02)
    points -= points.mean(axis=1, keepdims=True)
    tracks = as_tracks((points, seen))
    out = run(PYSKLPreset(), tracks)
    assert out.shape[1] == 30
    np.testing.assert_allclose(out, naive_pyskl(tracks), atol=1e-4)


def test_a_clip_of_which_denoising_leaves_nothing_is_bad():
    """A body without coordinates outlasts the one that is there for too few frames."""
    points, seen = body(20, 0, 5)
    slots = np.stack([np.where(seen, 0, -1), np.where(seen, 1, 0)]).astype(np.int8)
    keypoint = np.stack([points, np.zeros_like(points)]).astype(np.float32)
    for preset in (CTRGCNPreset(), PYSKLPreset()):
        with pytest.raises(DataError, match="every frame is empty"):
            preset.transform(dict(keypoint=keypoint, layout=NTU, num_coords=3, body_slots=slots))


def test_a_body_that_comes_back_counts_on_from_where_it_left():
    points, seen = body(40, 0, 40, move=0.02)
    seen[10:15] = False
    other = body(40, 0, 40, seed=1)
    out = actors((points * seen[:, None, None], seen), other)
    np.testing.assert_array_equal(out[0, :35], points[seen])
    assert not out[0, 35:].any()


# --- spec 1.5


def naive_agcn(tracks, length):
    data = np.zeros((4, length, 25, 3))
    for t, bodies in enumerate(file_frames(tracks)[:length]):
        for m, (_, joints) in enumerate(bodies[:4]):
            data[m, t] = joints
    energy = []
    for place in data:
        frames = np.array([frame for frame in place if frame.sum() != 0])
        energy.append(sum(frames[..., c].std() for c in range(3)) if len(frames) else 0)
    data = data[np.array(energy).argsort(kind="stable")[::-1][:2]]
    for person in data:
        if not person.any():
            continue
        if not person[0].any():
            kept = [frame.copy() for frame in person if frame.any()]
            person[:] = 0
            for t, frame in enumerate(kept):
                person[t] = frame
        end = max(t for t in range(length) if person[t].any()) + 1
        for t in range(end, length):
            person[t] = person[t - end]
    center = data[0, :, 1].copy()
    for person in data:
        for t in range(length):
            for j in range(25):
                if person[t, j].any():
                    person[t, j] -= center[t]
    for low, high, target in ((0, 1, [0, 0, 1]), (4, 8, [1, 0, 0])):
        turn = euler_rodrigues(data[0, 0, high] - data[0, 0, low], target)
        for person in data:
            for t in range(length):
                for j in range(25):
                    person[t, j] = turn @ person[t, j]
    return data


def euler_rodrigues(vector, target):
    """The rotation of a vector onto a unit vector, from half the angle between them."""
    axis = np.cross(vector, target)
    if abs(axis).sum() < 1e-6:
        return np.eye(3)
    angle = np.arccos(np.dot(vector, target) / np.linalg.norm(vector))
    a = np.cos(angle / 2)
    b, c, d = -axis / np.linalg.norm(axis) * np.sin(angle / 2)
    return np.array([
        [a * a + b * b - c * c - d * d, 2 * (b * c + a * d), 2 * (b * d - a * c)],
        [2 * (b * c - a * d), a * a + c * c - b * b - d * d, 2 * (c * d + a * b)],
        [2 * (b * d + a * c), 2 * (c * d - a * b), a * a + d * d - b * b - c * c],
    ])  # fmt: skip


def test_agcn(clips):
    for tracks in clips[::3]:
        np.testing.assert_allclose(run(AGCNPreset(length=80), tracks), naive_agcn(tracks, 80), atol=1e-4)


def test_agcn_of_the_longer_person_s_length(clips):
    for tracks in clips[::3]:
        whole, own = run(AGCNPreset(), tracks), run(AGCNPreset(length=None), tracks)
        assert own.shape[1] <= 300
        np.testing.assert_array_equal(whole[:, : own.shape[1]], own)
        if not own[1].any():  # else the origin is that of another frame
            np.testing.assert_array_equal(whole, np.tile(own, (1, 300, 1, 1))[:, :300])


def test_turning_a_vector_onto_an_axis():
    rng = np.random.default_rng(0)
    for vector in rng.normal(size=(20, 3)):
        for axis in range(3):
            turn = turn_onto(vector, axis)
            np.testing.assert_allclose(turn, euler_rodrigues(vector, np.eye(3)[axis]), atol=1e-9)
            np.testing.assert_allclose(turn @ vector, np.linalg.norm(vector) * np.eye(3)[axis], atol=1e-9)
    assert np.array_equal(turn_onto(np.array([0, 2.0, 0]), 1), np.eye(3))
    assert np.array_equal(turn_onto(np.zeros(3), 1), np.eye(3))


# --- spec 1.6


def naive_pyskl(tracks):
    rows, _ = naive_actors(tracks, shared=0)
    while sum(abs(value) for value in rows[0]) < 1e-3:
        rows = rows[1:]
    while sum(abs(value) for value in rows[-1]) < 1e-3:
        rows = rows[:-1]
    persons = rows.reshape(len(rows), -1, 25, 3).swapaxes(0, 1)
    if len(persons) == 2 and not persons[0, 0].any() and persons[1, 0].any():
        persons = persons[[1, 0]]
    return naive_prenormalize(persons)


def naive_prenormalize(persons):
    filled = [[t for t in range(persons.shape[1]) if not np.isclose(person[t], 0).all()] for person in persons]
    if len(persons) == 2 and len(filled[0]) < len(filled[1]):
        persons, filled = persons[[1, 0]], filled[::-1]
    persons = persons[:, filled[0]].copy()
    center = persons[0, 0, 1].copy()
    for person in persons:
        for frame in person:
            for joint in frame:
                if joint.any():
                    joint -= center
    for low, high, target in ((0, 1, [0, 0, 1]), (4, 8, [1, 0, 0])):
        persons = persons @ euler_rodrigues(persons[0, 0, high] - persons[0, 0, low], target).T
    return persons


def test_pyskl(clips):
    persons = set()
    for tracks in clips:
        out = run(PYSKLPreset(), tracks)
        want = naive_pyskl(tracks)
        assert out.shape == want.shape
        np.testing.assert_allclose(out, want, atol=1e-4)
        persons.add(len(out))
    assert persons == {1, 2}


def test_prenormalize_takes_the_person_seen_more_and_its_frames():
    points = np.random.default_rng(0).normal(size=(2, 9, 25, 3)).astype(np.float32)
    points[0, :4] = 0
    points[1, 7] = 0
    out = PreNormalize3D().transform(dict(keypoint=points, layout=NTU, num_coords=3))["keypoint"]
    assert out.shape == (2, 8, 25, 3)
    np.testing.assert_allclose(out, naive_prenormalize(points.astype(float)), atol=1e-5)
    assert np.abs(out[0, 0, 1]).max() < 1e-6
    kept = PreNormalize3D(center=None, align=False).transform(dict(keypoint=points, layout=NTU, num_coords=3))
    np.testing.assert_array_equal(kept["keypoint"], points[::-1][:, [0, 1, 2, 3, 4, 5, 6, 8]])


# --- what all share

PRESETS = [AimCLR50(), CTRGCNPreset(), AGCNPreset(), PYSKLPreset()]
IDS = [type(preset).__name__ for preset in PRESETS]


@pytest.mark.parametrize("preset", PRESETS, ids=IDS)
def test_chosen_persons_without_slots_do_as_well(preset):
    """Clips of other sources: bodies in all frames, in their own order; the same as with slots that say so."""
    tracks = track(SyntheticSource((1, 1), actions=["push"]).load(0), np.random.default_rng(0))
    assert len(tracks.ids) == 2
    np.testing.assert_array_equal(run(preset, tracks, slots=False), run(preset, tracks))


@pytest.mark.parametrize("preset", PRESETS, ids=IDS)
def test_what_they_cannot_take_is_told(clips, preset):
    tracks = clips[0]
    frames = tracks.slots.shape[1]
    with pytest.raises(ConfigError, match="2D"):
        preset.transform(dict(keypoint=tracks.keypoint, layout=NTU, num_coords=2))
    with pytest.raises(ConfigError, match="first in the pipeline"):
        run(preset, tracks._replace(keypoint=tracks.keypoint[:, : frames // 2]))
    with pytest.raises(LayoutError, match="has no joint"):
        run(preset, tracks, SkeletonLayout.from_config(dict(name="chain", joints=25, parents=range(25))))


def test_presets_read_the_joints_by_name(clips):
    """The same clip under another order of joints gives the same clip under that order."""
    order = np.random.default_rng(3).permutation(25)
    place = np.argsort(order).tolist()
    other = SkeletonLayout.from_config(
        dict(name="mixed", joints=[NTU.joints[j] for j in order], parents=[place[NTU.parents[j]] for j in order],
             center=place[NTU.center])
    )  # fmt: skip
    for preset in PRESETS[1:]:  # AimCLR50 counts frames by joint number 0
        mixed = clips[1]._replace(keypoint=clips[1].keypoint[:, :, order])
        np.testing.assert_allclose(run(preset, mixed, other), run(preset, clips[1])[:, :, order], atol=1e-5)
