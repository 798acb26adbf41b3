"""Clips as pictures: the camera is a rotation, people stand upright, nothing is cut off, and the files can be read."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from mmsync.errors import ConfigError, DependencyError
from mmsync.structures import SkeletonLayout
from mmsync.visualization import Panel, bone_segments, camera, draw_strip, find_camera, render, write_film

LAYOUT = SkeletonLayout.get("kinect20")
COCO = SkeletonLayout.get("coco17")
UPS = [np.eye(3)[i] * sign for i in range(3) for sign in (1, -1)]


def body(frames=5, seed=0):
    """A person ``(1, T, 20, 3)`` who stands in the origin, faces z, and fidgets: the left side has positive x."""
    height = {"head": 1.7, "spine_shoulder": 1.4, "spine": 1.1, "pelvis": 1.0, "shoulder": 1.4, "elbow": 1.1,
              "wrist": 0.9, "hand": 0.8, "hip": 1.0, "knee": 0.5, "ankle": 0.1, "foot": 0.0}  # fmt: skip
    points = np.zeros((20, 3))
    for i, name in enumerate(LAYOUT.joints):
        side, _, part = name.partition("_")
        points[i, 1] = height.get(name, height.get(part))
        points[i, 0] = {"left": 0.25, "right": -0.25}.get(side, 0.0)
    noise = np.random.default_rng(seed).normal(size=(1, frames, 20, 3))
    return (points + 0.01 * noise).astype(np.float32)


def panel(keypoint=None, title="a clip", **more):
    keypoint = body() if keypoint is None else keypoint
    return Panel(keypoint, LAYOUT, title, **{"camera": camera(20, 10), **more})


def ink(picture, top=32):
    """Where something is drawn, below the titles."""
    drawn = (picture[top:] < 200).any(axis=-1)
    return np.argwhere(drawn) + (top, 0)


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (30, 0), (0, 40), (-120, 25)])
def test_camera_is_a_rotation_about_y_and_then_about_x(azimuth, elevation):
    points = np.random.default_rng(0).normal(size=(7, 3))
    turned = Rotation.from_euler("yx", [-azimuth, elevation], degrees=True).apply(points)
    np.testing.assert_allclose(points @ camera(azimuth, elevation), turned[:, :2], atol=1e-12)


@pytest.mark.parametrize("up", UPS)
def test_any_axis_can_be_upright(up):
    matrix = camera(35, 20, up)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(up @ matrix, [0, np.cos(np.deg2rad(20))], atol=1e-12)


@pytest.mark.parametrize("up", UPS)
@pytest.mark.parametrize("yaw", [0, 70, 200])
def test_people_are_seen_upright_and_from_the_front(up, yaw):
    """In any frame of reference: head above feet at full height, the right shoulder on the left at full width."""
    world = Rotation.align_vectors([up], [[0, 1, 0]])[0] * Rotation.from_euler("y", yaw, degrees=True)
    clip = world.apply(body().reshape(-1, 3)).reshape(1, 5, 20, 3)
    seen = (clip @ find_camera(clip, LAYOUT, azimuth=0, elevation=0)).mean(axis=(0, 1))
    at = {name: seen[LAYOUT.joints.index(name)] for name in LAYOUT.joints}
    np.testing.assert_allclose(at["head"][1] - (at["left_foot"][1] + at["right_foot"][1]) / 2, 1.7, atol=0.03)
    np.testing.assert_allclose(at["left_shoulder"] - at["right_shoulder"], [0.5, 0], atol=0.03)


def test_two_people_do_not_hide_each_other():
    """They face each other along z: a camera in front of one would see the other's back."""
    other = Rotation.from_euler("y", 180, degrees=True).apply(body(seed=1).reshape(-1, 3)).reshape(1, 5, 20, 3)
    clip = np.concatenate([body(), other + [0, 0, 1.2]])
    first, second = (clip @ find_camera(clip, LAYOUT, azimuth=0, elevation=0)).mean(axis=(1, 2))
    assert abs(first - second)[0] == pytest.approx(1.2, abs=0.03)
    alone = find_camera(clip, LAYOUT, mask=np.array([True, False]))
    np.testing.assert_allclose(alone, find_camera(clip[:1], LAYOUT))


def test_pictures_of_detectors_are_turned_the_right_way_up():
    clip = np.zeros((1, 3, 17, 3))
    clip[..., 1] = np.linspace(10, 400, 17)  # y runs down from the nose to the ankles
    clip[..., 2] = 0.9
    matrix = find_camera(clip, COCO, num_coords=2)
    np.testing.assert_array_equal(matrix, [[1, 0], [0, -1]])
    np.testing.assert_array_equal(find_camera(np.zeros((1, 3, 17, 3)), COCO, num_coords=2), [[1, 0], [0, -1]])


def test_a_layout_without_a_body_is_seen_along_z():
    hands = SkeletonLayout.get("hands42")
    clip = np.random.default_rng(0).normal(size=(1, 4, 42, 3))
    assert find_camera(clip, hands).shape == (3, 2)
    plain = SkeletonLayout(name="chain", joints=("a", "b"), parents=(0, 0))
    np.testing.assert_allclose(find_camera(clip[:, :, :2], plain, azimuth=0, elevation=0), np.eye(3)[:, :2])


def test_lines_are_bones_with_the_colours_of_side_and_person():
    clip = np.concatenate([body(seed=0), body(seed=1)])
    lines, colors = bone_segments(panel(clip, camera=camera()))
    bones = [bone for bone in LAYOUT.bones if bone[0] != bone[1]]
    assert lines.shape == (5, 2 * len(bones), 2, 2)
    for frame, person, place in [(0, 0, 3), (4, 1, 7), (2, 1, 0)]:
        child, parent = bones[place]
        expected = clip[person, frame, [child, parent], :2]
        np.testing.assert_allclose(lines[frame, person * len(bones) + place], expected, rtol=1e-6)
    left = [i for i, (child, _) in enumerate(bones) if child in LAYOUT.left]
    right = [i for i, (child, _) in enumerate(bones) if child in LAYOUT.right]
    groups = [set(colors[np.add(side, offset)]) for side in (left, right) for offset in (0, len(bones))]
    assert [len(group) for group in groups] == [1] * 4
    assert len(set().union(*groups)) == 4


def test_absent_people_frames_and_joints_are_not_drawn():
    clip = np.concatenate([body(), body()])
    clip[0, 2] = 3.0  # an empty frame, after the clip was moved
    hidden = np.zeros((2, 20), dtype=bool)
    hidden[0, 7] = True
    lines, _ = bone_segments(panel(clip, mask=np.array([True, False]), hidden=hidden))
    drawn = np.isfinite(lines).all(axis=(2, 3))
    assert drawn.sum(axis=1).tolist() == [18, 18, 0, 18, 18]  # the left hand is missing
    coco = np.random.default_rng(0).normal(size=(1, 2, 17, 3))
    coco[..., 2] = 1
    coco[0, 1, 10, 2] = 0  # a wrist that was not detected
    lines, _ = bone_segments(Panel(coco, COCO, "", np.eye(2)))
    assert np.isfinite(lines).all(axis=(2, 3)).sum(axis=1).tolist() == [16, 15]


def test_the_pictures_show_the_bones_where_the_camera_sees_them():
    """A person of known size fills the panel but for the margin, and no limb is cut."""
    clip = body()
    first = next(render([panel(clip, camera=camera())]))
    rows, columns = ink(first).T
    span = np.ptp(clip[..., :2].reshape(-1, 2), axis=0)
    assert np.ptp(rows) == pytest.approx(300 / 1.12 * np.ptp(clip[0, 0, :, 1]) / span[1], abs=6)
    assert np.ptp(columns) / np.ptp(rows) == pytest.approx(
        np.ptp(clip[0, 0, :, 0]) / np.ptp(clip[0, 0, :, 1]), abs=0.03
    )
    for picture in render([panel(clip), panel(clip * [1, 1, 3], "wide")], "two panels"):
        edges = np.concatenate([picture[-1], picture[:, 0], picture[:, -1]])
        assert (edges == 255).all()


def test_panels_of_one_scale_share_it_and_others_do_not():
    pictures = [
        next(render([panel(body()), panel(body() * 2, scale=scale)])) for scale in ("", "another")
    ]  # fmt: skip
    for picture, ratio in zip(pictures, (2, 1)):
        points = ink(picture)
        # the gap between the people is where to split
        columns = np.unique(points[:, 1])
        split = columns[np.diff(columns).argmax()]
        heights = [np.ptp(points[points[:, 1] <= split, 0]), np.ptp(points[points[:, 1] > split, 0])]
        assert heights[1] / heights[0] == pytest.approx(ratio, rel=0.05)


def test_films_are_deterministic_and_end_together(tmp_path):
    panels = [panel(body(9)), panel(body(4), "shorter")]
    one, two = (np.stack(list(render(panels, "title"))) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.dtype == np.uint8
    assert len(one) == 9
    assert all(side % 2 == 0 for side in one.shape[1:3])
    assert (one[0] != one[-1]).any()
    few = np.stack(list(render(panels, "title", num_frames=3)))
    np.testing.assert_array_equal(few, one[[0, 4, 8]])  # what was drawn before leaves no trace


def test_gif_can_be_read_again(tmp_path):
    frames = np.stack(list(render([panel(body(6))], "a film")))
    write_film(iter(frames), tmp_path / "a.gif", fps=20)
    with Image.open(tmp_path / "a.gif") as film:
        assert (film.n_frames, film.size, film.info["duration"]) == (6, frames.shape[2:0:-1], 50)
        film.seek(5)
        difference = np.abs(np.asarray(film.convert("RGB"), dtype=int) - frames[5])
    assert difference.mean() < 1  # but for the palette
    assert [file.name for file in tmp_path.iterdir()] == ["a.gif"]


def test_mp4_can_be_read_again(tmp_path):
    av = pytest.importorskip("av", reason="PyAV is optional")
    frames = np.stack(list(render([panel(body(6))])))
    write_film(iter(frames), tmp_path / "a.mp4", fps=25)
    with av.open(str(tmp_path / "a.mp4")) as film:
        read = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert film.streams.video[0].average_rate == 25
    assert len(read) == 6
    assert np.abs(np.stack(read).astype(int) - frames).mean() < 4


def test_a_strip_can_be_read_again(tmp_path):
    draw_strip([panel(body(9)), panel(body(4))], tmp_path / "a.png", "title", num_frames=3)
    with Image.open(tmp_path / "a.png") as picture:
        rows, columns = ink(np.asarray(picture.convert("RGB")), top=75).T
    assert np.diff(np.unique(columns)).max() > 20  # frames stand apart
    # two rows of people and their frame numbers
    assert np.ptp(rows) > 2 * 1.7 * 120
    draw_strip([panel(body(1) * 0)], tmp_path / "empty.png", num_frames=2)
    assert (tmp_path / "empty.png").is_file()


def test_bad_input(tmp_path, monkeypatch):
    frames = [np.zeros((4, 4, 3), dtype=np.uint8)]
    with pytest.raises(ConfigError, match=r"written as \.gif or \.mp4"):
        write_film(iter(frames), tmp_path / "a.avi")
    with pytest.raises(ConfigError, match="fps=0"):
        write_film(iter(frames), tmp_path / "a.gif", fps=0)
    with pytest.raises(ConfigError, match="at least one frame"):
        write_film(iter([]), tmp_path / "a.gif")
    with pytest.raises(ConfigError, match="at least 1"):
        draw_strip([panel()], tmp_path / "a.png", num_frames=0)
    with pytest.raises(ConfigError, match=r"written as .*png"):
        draw_strip([panel()], tmp_path / "a.xyz")
    for module, suffix, command in (("PIL", "gif", "install pillow"), ("av", "mp4", "install 'mmsync")):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            with pytest.raises(DependencyError, match=command):
                write_film(iter(frames), tmp_path / f"a.{suffix}")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "matplotlib.figure", None)
        with pytest.raises(DependencyError, match="install matplotlib"):
            next(render([panel()]))
    assert not list(tmp_path.iterdir())


def test_no_window_is_opened():
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    next(render([panel()]))
    assert pyplot.get_fignums() == before
