"""The augmentations equal the reference numbers, plain per-clip NumPy and SciPy; draws are per clip and repeatable."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import correlate1d
from scipy.spatial.transform import Rotation

from mmsync.errors import ConfigError, LayoutError
from mmsync.ops import skeleton_augment as ops
from mmsync.ops import time_maps
from mmsync.ops.time_maps import mix_frames, resample_matrix, whole_matrix
from mmsync.structures import SkeletonLayout, View
from mmsync.views import AugmentationSequence, OneOf
from mmsync.views import skeleton as A


def clips(n=4, m=2, t=12, v=25, c=3, seed=0, dtype=torch.float64):
    return torch.randn(n, m, t, v, c, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


# ---- against the reference numbers ----------------------------------------------------------------------------------


def as_batch(array):
    """The fixtures' (C, T, V, M) as (1, M, T, V, C)."""
    return torch.from_numpy(array.transpose(3, 1, 2, 0).copy())[None]


def recorded(op, draws):
    """The fixtures' draws, in the reference's order, as ours; None where the reference left the clip alone."""

    def t(*values, dtype=torch.float64):
        return torch.tensor(values, dtype=dtype)

    if op.startswith("shear"):
        return A.Shear(), {"amount": t(*draws)[None]}
    if op.startswith("temporal_crop"):
        return A.TemporalCrop(ratio=int(op[-1])), {"start": t(*draws, dtype=torch.int64)}
    if op == "rotate":
        return A.Rotate(), {"degrees": t(*draws[1:])[None]}
    if op == "gaus_filter":
        return A.GaussianBlur(normalize=False), {"sigma": t(draws[0]), "apply": torch.tensor([bool(draws[1] < 0.5)])}
    apply = {"apply": torch.tensor([bool(draws[0] < 0.5)])}
    if op == "spatial_flip":
        return A.SpatialFlip(layout="ntu25"), apply
    if op == "time_flip":
        return A.TemporalFlip(), apply
    if op == "axis_mask":
        return A.AxisMask(), {**apply, "axis": t(draws[1] if len(draws) > 1 else 0, dtype=torch.int64)}
    assert op == "gaus_noise"
    value = as_batch(draws[1]) if len(draws) > 1 else torch.zeros(1, 2, 50, 25, 3)
    return A.GaussianNoise(keep_absent=False), {**apply, "value": value}


@pytest.mark.realdata
def test_recorded_draws_give_the_reference_outputs(fixture_root):
    data = np.load(fixture_root / "skeleton/aug_aimclr_single.npz")
    x = as_batch(data["in/x"])
    cases = sorted(key[: -len("/out")] for key in data.files if key.endswith("/out"))
    assert len(cases) == 45
    for case in cases:
        draws = [data[key][()] for key in sorted(data.files) if key.startswith(f"{case}/draw") and "desc" not in key]
        aug, ours = recorded(case.split("/")[0], draws)
        torch.testing.assert_close(
            aug.apply(View(x), ours).data,
            as_batch(data[f"{case}/out"]),
            rtol=1e-9,
            atol=1e-12,
            msg=lambda m, c=case: f"{c}: {m}",
        )


@pytest.mark.realdata
def test_deterministic_maps_equal_the_reference(fixture_root):
    data = np.load(fixture_root / "skeleton/aug_aimclr_deterministic.npz")
    x = as_batch(data["in/x"])
    json.loads(str(data["meta"]))
    for key in data.files:
        if key.startswith("rotate"):
            _, axis, degrees = key.replace("axis", "").replace("deg", "").split("_")
            angle = torch.zeros(1, 3, dtype=torch.float64)
            angle[0, int(axis)] = float(degrees)
            out = A.Rotate().apply(View(x), {"degrees": angle}).data
        elif key.startswith("blur_sigma"):
            sigma = torch.tensor([float(key[len("blur_sigma") :])], dtype=torch.float64)
            out = A.GaussianBlur(normalize=False).apply(View(x), {"sigma": sigma}).data
            total = time_maps.blur_matrix(sigma, 50, normalize=False)[0, 25].sum()
            assert total.item() == pytest.approx(float(data[key.replace("blur", "blur_kernel_sum")]), rel=1e-10)
        else:
            continue
        torch.testing.assert_close(out, as_batch(data[key]), rtol=1e-9, atol=1e-10, msg=lambda m, k=key: f"{k}: {m}")
    assert list(SkeletonLayout.get("ntu25").flip_index) == data["flip_index"].tolist()


# ---- maps against plain oracles -------------------------------------------------------------------------------------


def test_rotation_is_passive_about_x_then_y_then_z():
    angle = torch.rand(20, 3, generator=gen(), dtype=torch.float64) * 6 - 3
    # Turning the axes by an angle turns the points by its negative.
    expected = [Rotation.from_euler("xyz", -a).as_matrix() for a in angle.numpy()]
    np.testing.assert_allclose(ops.rotation_matrix(angle), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("frames", [1, 2, 5, 6, 13, 50])
@pytest.mark.parametrize("ratio", [1, 3, 6])
def test_crop_equals_numpy_symmetric_padding(frames, ratio):
    pad = frames // ratio
    padded = np.pad(np.arange(frames), pad, mode="symmetric")
    start = torch.arange(2 * pad + 1)
    expected = np.stack([padded[s : s + frames] for s in range(2 * pad + 1)])
    np.testing.assert_array_equal(time_maps.crop_index(start, frames, pad), expected)


@pytest.mark.parametrize("frames", [1, 4, 20])
@pytest.mark.parametrize("taps", [1, 5, 15])
def test_blur_equals_scipy(frames, taps):
    x = clips(t=frames)
    sigma = torch.tensor([0.1, 0.7, 1.3, 2.0], dtype=torch.float64)
    plain = A.GaussianBlur(taps=taps, normalize=False).apply(View(x), {"sigma": sigma}).data
    unit = A.GaussianBlur(taps=taps, normalize=True).apply(View(x), {"sigma": sigma}).data
    k = np.arange(-(taps // 2), taps // 2 + 1)
    for i, s in enumerate(sigma.tolist()):
        kernel = np.exp(-(k**2) / (2 * s**2))
        expected = correlate1d(x[i].numpy(), kernel, axis=1, mode="constant")
        np.testing.assert_allclose(plain[i], expected, rtol=1e-9, atol=1e-12)
        weight = correlate1d(np.ones_like(expected), kernel, axis=1, mode="constant")
        np.testing.assert_allclose(unit[i], expected / weight, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("frames", "size"), [(1, 5), (5, 1), (7, 20), (20, 7), (64, 48), (9, 9)])
def test_resampling_equals_torch_interpolate(frames, size):
    x = clips(t=frames)
    flat = x.permute(0, 1, 3, 4, 2).flatten(1, 3)  # (N, M*V*C, T)
    expected = F.interpolate(flat, size=size, mode="linear", align_corners=False)
    expected = expected.unflatten(1, (2, 25, 3)).permute(0, 1, 4, 2, 3)
    torch.testing.assert_close(mix_frames(x, whole_matrix(x, frames, size)[0]), expected)


def test_crop_resize_equals_interpolating_each_cut_out_clip():
    x = clips(n=30, t=20)
    start = torch.randint(0, 10, (30,), generator=gen())
    length = torch.randint(1, 11, (30,), generator=gen(1))
    draws = {"start": start.double(), "length": length.double()}
    out = A.RandomCropResize(size=16).apply(View(x), draws).data
    for i in range(30):
        cut = x[i, :, start[i] : start[i] + length[i]].permute(0, 2, 3, 1).flatten(1, 2)
        expected = F.interpolate(cut, size=16, mode="linear").unflatten(1, (25, 3)).permute(0, 3, 1, 2)
        torch.testing.assert_close(out[i], expected)


def test_fractional_windows_stay_within_their_clip():
    start, length = torch.tensor([0.25, 3.7, 9.0]), torch.tensor([1.5, 6.3, 1.0])
    matrix = resample_matrix(start, length, 10, 8)
    ramp = matrix @ torch.arange(10.0)  # of a clip whose frame t holds t: the positions sampled
    assert (ramp >= start[:, None] - 1e-5).all()
    assert (ramp <= (start + length - 1)[:, None] + 1e-5).all()
    torch.testing.assert_close(matrix.sum(2), torch.ones(3, 8))


def naive(x, mask, aug, draws):
    """The extreme set clip by clip, in plain NumPy, by the definitions; every map runs on its own."""
    out = np.zeros_like(x)
    layout = SkeletonLayout.get("ntu25")
    for n in range(len(x)):
        for m in range(x.shape[1]):
            if not mask[n, m]:
                continue
            y = x[n, m]  # (T, V, C)
            t = len(y)
            for i, op in enumerate(aug.transforms):
                d = {k.split(".")[1]: v[n] if v.dim() else v for k, v in draws.items() if k.startswith(f"{i}.")}
                if not d.get("apply", True):
                    continue
                if isinstance(op, A.TemporalCrop):
                    pad = t // 6
                    y = np.concatenate([y[:pad][::-1], y, y[t - pad :][::-1]])[int(d["start"]) :][:t]
                elif isinstance(op, A.Shear):
                    a1, a2, a3, b1, b2, b3 = d["amount"].tolist()
                    y = np.einsum("dc,tvc->tvd", [[1, a1, b1], [a2, 1, b2], [a3, b3, 1]], y)
                elif isinstance(op, A.SpatialFlip):
                    y = y[:, list(layout.flip_index)]
                elif isinstance(op, A.Rotate):
                    y = np.einsum("dc,tvc->tvd", Rotation.from_euler("xyz", -d["degrees"], degrees=True).as_matrix(), y)
                elif isinstance(op, A.GaussianNoise):
                    y = y + d["value"][m].numpy()
                elif isinstance(op, A.GaussianBlur):
                    k = np.arange(-7, 8)
                    y = correlate1d(y, np.exp(-(k**2) / (2 * float(d["sigma"]) ** 2)), axis=0, mode="constant")
                elif isinstance(op, A.AxisMask):
                    y = y.copy()
                    y[..., int(d["axis"])] = 0
                elif isinstance(op, A.TemporalFlip):
                    y = y[::-1]
            out[n, m] = y
    return out


@pytest.mark.parametrize("extreme_set", ["released", "paper"])
def test_the_fused_extreme_set_equals_plain_numpy(extreme_set):
    x = clips(n=40, t=20)
    mask = torch.rand(40, 2, generator=gen()) < 0.6
    x = x * mask[:, :, None, None, None]
    aug = A.AimCLRExtreme(extreme_set, blur_normalize=False).bind("ntu25")
    draws = aug.draw(x, gen(1))
    noise = 0.01 * torch.randn(x.shape, generator=gen(2), dtype=x.dtype)
    draws["4.value"] = noise
    before = x.clone()
    out = aug.apply(View(x, mask), draws).data
    np.testing.assert_allclose(out, naive(x.numpy(), mask.numpy(), aug, draws), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(x, before, rtol=0, atol=0)  # the input is not written to
    assert len(aug.transforms) == (8 if extreme_set == "paper" else 7)


def test_any_order_of_maps_equals_running_them_one_by_one():
    """Fusing changes nothing: random chains equal the same maps run singly."""
    x = clips(n=6, t=18)
    mask = torch.tensor([[1, 1], [1, 0], [1, 0], [0, 1], [1, 1], [0, 0]]).bool()
    x = x * mask[:, :, None, None, None]
    pool = [
        A.Shear(prob=0.5), A.TemporalCrop(ratio=3), A.RandomCropResize(size=15), A.SpatialFlip(), A.Mirror(),
        A.Rotate(), A.RandomRotation(), A.RandomScale(per_axis=True), A.GaussianNoise(), A.GaussianBlur(), A.AxisMask(),
        A.JointMask(ratio=0.3, per_frame=True), A.TemporalFlip(), A.RandomCropResize(prob=0.5),
        A.JointCorruption(prob=0.7), OneOf([A.Shear(), A.JointCorruption()]),
    ]  # fmt: skip
    rng = np.random.default_rng(0)
    for trial in range(30):
        aug = AugmentationSequence([pool[i] for i in rng.permutation(len(pool))[:7]]).bind("ntu25")
        draws = aug.draw(x, gen(trial))
        y = x
        for i, op in enumerate(aug.transforms):
            y = op.apply(View(y, mask), {k.split(".", 1)[1]: v for k, v in draws.items() if k.startswith(f"{i}.")}).data
        torch.testing.assert_close(aug.apply(View(x, mask), draws).data, y, rtol=1e-10, atol=1e-12)


def test_mirror_twice_is_the_identity_and_flip_keeps_coordinates():
    x = clips()
    mirror, flip = A.Mirror(layout="ntu25", prob=1.0), A.SpatialFlip(layout="ntu25", prob=1.0)
    draws = mirror.draw(x, gen())
    once = mirror.apply(View(x), draws).data
    torch.testing.assert_close(mirror.apply(View(once), draws).data, x)
    swapped = flip.apply(View(x), draws).data
    torch.testing.assert_close(once[..., 0], -swapped[..., 0])
    torch.testing.assert_close(once[..., 1:], swapped[..., 1:])
    torch.testing.assert_close(swapped[..., 4, :], x[..., 8, :])  # left shoulder from the right one


def test_a_score_channel_is_moved_in_time_but_never_rotated_or_noised():
    x = clips(v=17)
    spatial = [A.Shear(), A.Rotate(), A.RandomRotation((30, 30, 30)), A.RandomScale(), A.GaussianNoise(prob=1.0)]
    out = AugmentationSequence(spatial).bind("coco17", num_coords=2)(View(x), gen()).data
    torch.testing.assert_close(out[..., 2], x[..., 2], rtol=0, atol=0)
    assert not torch.isclose(out[..., :2], x[..., :2]).any(-1).all()
    masked = A.AxisMask(prob=1.0).bind(num_coords=2)(View(x), gen()).data
    torch.testing.assert_close(masked[..., 2], x[..., 2], rtol=0, atol=0)
    reverse = A.TemporalFlip(prob=1.0).bind(num_coords=2)(View(x), gen()).data
    torch.testing.assert_close(reverse, x.flip(2), rtol=0, atol=0)


# ---- absent persons and padding -------------------------------------------------------------------------------------


def test_absent_persons_and_padding_stay_exactly_zero_unless_the_reference_is_asked_for():
    x = clips(n=16, t=20)
    mask = torch.ones(16, 2, dtype=torch.bool)
    mask[::2, 1] = False
    x = x * mask[:, :, None, None, None]
    x[:, :, 14:] = 0
    chain = [A.Shear(), A.Rotate(), A.GaussianNoise(prob=1.0), A.GaussianBlur(prob=1.0), A.AxisMask()]
    out = AugmentationSequence(chain)(View(x, mask), gen())
    assert not out.data[:, :, 14:].any()
    assert not out.data[~mask].any()
    assert out.data[mask][:, :14].any(-1).all()
    assert out.present is mask
    dirty = A.GaussianNoise(keep_absent=False, prob=1.0)(View(x, mask), gen()).data
    assert dirty[~mask].ne(0).all()
    assert dirty[:, :, 14:].ne(0).all()


def test_what_is_there_does_not_change_what_others_draw():
    """Removing second persons changes no parameter of any clip, and no coordinate of any first person."""
    x = clips(n=12, t=20)
    both, first = torch.ones(12, 2, dtype=torch.bool), torch.ones(12, 2, dtype=torch.bool)
    first[::3, 1] = False
    aug = A.AimCLRExtreme("paper").bind("ntu25")
    a, b = aug(View(x, both), gen(3)).data, aug(View(x, first), gen(3)).data
    torch.testing.assert_close(a[:, 0], b[:, 0], rtol=0, atol=0)


def test_corrupted_joints_are_zero_or_mapped_by_one_matrix():
    x = clips(n=300, m=1, t=5)
    aug = A.JointCorruption(ratio=0.6, amplitude=0.5, zero_prob=0.25, prob=0.5)
    draws = aug.draw(x, gen())
    out, kinds = aug.apply(View(x), draws).data, []
    for i, (before, after) in enumerate(zip(x[:, 0].numpy(), out[:, 0].numpy())):
        changed = (before != after).any(axis=(0, 2))
        assert changed.sum() == (15 if draws["apply"][i] else 0)
        matrix = draws["matrix"][i].numpy()
        for joint in np.flatnonzero(changed):
            np.testing.assert_allclose(after[:, joint], before[:, joint] @ matrix.T, rtol=1e-12)
        kinds.append(0 if not changed.any() else 1 if matrix.any() else 2)
        assert abs(matrix).max() <= 0.5
    assert (abs(np.bincount(kinds) - [150, 112, 38]) < 30).all()


def test_one_of_several_is_chosen_for_each_clip():
    x = clips(n=300, m=1, t=5)
    parts = [A.Shear(), A.JointCorruption(prob=0.5), A.TemporalFlip(prob=1.0)]
    aug = OneOf(parts)
    draws = aug.draw(x, gen())
    out, chosen = aug.apply(View(x), draws).data, torch.stack([draws[f"{i}.apply"] for i in range(3)])
    assert (chosen.sum(0) <= 1).all()
    assert (abs(chosen.sum(1) - torch.tensor([100, 50, 100])) < 25).all()
    for i, part in enumerate(parts):
        own = {k.split(".")[1]: v for k, v in draws.items() if k.startswith(f"{i}.")}
        torch.testing.assert_close(out[chosen[i]], part.apply(View(x), own).data[chosen[i]])
    torch.testing.assert_close(out[~chosen.any(0)], x[~chosen.any(0)])


# ---- draws ----------------------------------------------------------------------------------------------------------

EVERY = [
    A.Shear(), A.TemporalCrop(), A.RandomCropResize(), A.SpatialFlip("ntu25"), A.Mirror(layout="ntu25"), A.Rotate(),
    A.RandomRotation(), A.RandomScale(), A.GaussianNoise(), A.GaussianBlur(), A.AxisMask(), A.JointMask(),
    A.TemporalFlip(), A.AimCLRNormal(), A.AimCLRExtreme("paper").bind("ntu25"), A.JointCorruption(),
    OneOf([A.Shear(), A.JointCorruption(prob=0.5), A.GaussianNoise()]),
    A.RandomCropResize(warp=0.3), A.JointOffset(), A.JointFreeze(0.5, prob=1.0),
]  # fmt: skip


@pytest.mark.parametrize("aug", EVERY, ids=lambda a: type(a).__name__)
def test_same_generator_same_result_and_a_recorded_draw_replays(aug):
    x = clips(n=32, t=24, dtype=torch.float32)
    g = gen(5)
    draws = aug.draw(x, g)
    first = aug.apply(View(x), draws).data
    torch.testing.assert_close(aug(View(x), gen(5)).data, first, rtol=0, atol=0)
    torch.testing.assert_close(aug.apply(View(x), draws).data, first, rtol=0, atol=0)
    assert not torch.equal(aug(View(x), g).data, first)  # the generator has moved on
    # Clips differ in what is done to them: the same clip 32 times does not give 32 equal clips.
    same = aug(View(x[:1].expand_as(x).contiguous()), gen(7)).data
    assert len({row.numpy().tobytes() for row in same}) > 1
    assert first.dtype == x.dtype


@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize("aug", EVERY, ids=lambda a: type(a).__name__)
def test_short_clips_pass(aug, frames):
    out = aug(View(clips(t=frames)), gen()).data
    assert out.shape == (4, 2, frames, 25, 3)
    assert out.isfinite().all()


def test_draws_have_the_distributions_of_the_paper():
    x = torch.zeros(1, 1, 50, 25, 3).expand(20000, -1, -1, -1, -1)
    g = gen(11)
    amount = A.Shear(0.5).draw(x, g)["amount"]
    assert amount.shape == (20000, 6)
    assert amount.abs().max() <= 0.5
    torch.testing.assert_close(amount.mean(0), torch.zeros(6), rtol=0, atol=0.01)
    torch.testing.assert_close(amount.var(0), torch.full((6,), 1 / 12), rtol=0.05, atol=0)
    torch.testing.assert_close(torch.corrcoef(amount.T), torch.eye(6), rtol=0, atol=0.04)

    start = A.TemporalCrop(6).draw(x, g)["start"]
    share = torch.bincount(start, minlength=17) / 20000
    assert len(share) == 17  # 2 * (50 // 6) + 1 places
    torch.testing.assert_close(share, torch.full((17,), 1 / 17), rtol=0.15, atol=0)

    degrees = A.Rotate().draw(x, g)["degrees"]
    main = degrees.argmax(1)
    assert degrees.min() >= 0
    assert degrees.max() <= 30
    assert degrees.max(1).values.mean().item() == pytest.approx(15.0, abs=0.3)
    assert degrees.median(1).values.max() <= 1  # at most one axis turns by more than a degree
    torch.testing.assert_close(torch.bincount(main) / 20000, torch.full((3,), 1 / 3), rtol=0.05, atol=0)

    blur = A.GaussianBlur().draw(x, g)
    assert 0.1 <= blur["sigma"].min() < blur["sigma"].max() <= 2
    for aug in (A.SpatialFlip("ntu25"), A.GaussianNoise(), A.AxisMask(), A.TemporalFlip(), A.GaussianBlur()):
        assert aug.draw(x, g)["apply"].float().mean().item() == pytest.approx(0.5, abs=0.02)

    window = A.RandomCropResize((0.5, 0.8)).draw(x, g)
    assert 25 <= window["length"].min() < window["length"].max() <= 40
    assert (window["start"] + window["length"]).max() <= 50 + 1e-4
    yaw = A.RandomRotation((0, 60, 0)).draw(x, g)["degrees"]
    assert not yaw[:, [0, 2]].any()
    assert -60 <= yaw[:, 1].min() < -55
    assert 55 < yaw[:, 1].max() <= 60
    keep = A.JointMask(0.1).draw(x, g)["keep"]
    assert (~keep).sum(2).unique().tolist() == [2]
    torch.testing.assert_close((~keep).float().mean((0, 1)), torch.full((25,), 2 / 25), rtol=0.15, atol=0)


def test_noise_is_white_with_the_given_deviation():
    x = torch.ones(64, 2, 50, 25, 3)
    aug = A.GaussianNoise(std=0.05)
    draws = aug.draw(x, gen(1))
    noise = aug.apply(View(x), draws).data - x
    assert not noise[~draws["apply"]].any()
    values = noise[draws["apply"]]
    assert values.std().item() == pytest.approx(0.05, rel=0.01)
    assert values.mean().item() == pytest.approx(0, abs=5e-4)
    rows = torch.corrcoef(values.flatten(0, 1).flatten(1)).fill_diagonal_(0)  # persons are independent of each other
    assert rows.abs().max() < 0.1


def test_a_warp_raises_the_share_of_the_window_to_a_power():
    """By a loop; the source index follows, and the log of the power is normal."""
    x = clips(n=3, t=20)
    aug = A.RandomCropResize((0.5, 0.9), size=13, warp=0.5)
    draws = aug.draw(x, gen(1))
    out = aug.apply(View(x), draws)
    for n in range(3):
        start, length, power = (draws[name][n].item() for name in ("start", "length", "power"))
        for i in range(13):
            at = start + ((i + 0.5) / 13) ** power * length - 0.5
            at = min(max(at, start, 0), start + length - 1, 19)
            low = min(int(at), 18)
            expected = x[n, :, low] + (at - low) * (x[n, :, low + 1] - x[n, :, low])
            torch.testing.assert_close(out.data[n, :, i], expected, rtol=1e-5, atol=1e-5)
            assert out.index[n, i].item() == pytest.approx(at, abs=1e-4)
    many = A.RandomCropResize(warp=0.3).draw(torch.zeros(20000, 1, 2, 1, 3), gen(2))["power"].log()
    assert many.mean().item() == pytest.approx(0, abs=0.01)
    assert many.std().item() == pytest.approx(0.3, rel=0.02)
    assert set(A.RandomCropResize().draw(x, gen(3))) == {"start", "length"}  # draws as ever without a warp


def test_offsets_stay_for_the_clip():
    x = clips(n=400, t=6)
    x[:, 1] = 0
    out = A.JointOffset(0.2, prob=0.5)(View(x), gen(2)).data - x
    assert not out[:, 1].any()
    torch.testing.assert_close(out[:, 0], out[:, 0, :1].expand_as(out[:, 0]))
    moved = out[:, 0, 0].flatten(1).ne(0).any(1)
    assert moved.float().mean().item() == pytest.approx(0.5, abs=0.08)
    assert out[moved, 0, 0].std().item() == pytest.approx(0.2, rel=0.02)


def test_frozen_joints_stay_at_their_mean():
    x = clips(n=400, t=6)
    out = A.JointFreeze(0.2, prob=0.5)(View(x), gen(2)).data
    still = out.std(2).amax(-1) < 1e-6  # (N, M, V)
    assert (still[:, 0] == still[:, 1]).all()
    moves = ~still.unsqueeze(2).expand(x.shape[:-1])
    torch.testing.assert_close(out[moves], x[moves])
    torch.testing.assert_close(out.mean(2), x.mean(2))
    chosen = still.flatten(1).any(1)
    assert chosen.float().mean().item() == pytest.approx(0.5, abs=0.08)
    assert still[chosen].float().mean().item() == pytest.approx(0.2, rel=0.1)


# ---- mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: A.Shear(prob=1.5),
        lambda: A.TemporalCrop(ratio=0),
        lambda: A.RandomCropResize(scale=(0.5, 1.5)),
        lambda: A.GaussianBlur(taps=14),
        lambda: A.GaussianBlur(sigma=(0, 1)),
        lambda: A.JointMask(ratio=1.0),
        lambda: A.JointCorruption(ratio=0),
        lambda: OneOf([A.AimCLRNormal(), A.Shear()]),
        lambda: OneOf([]),
        lambda: A.RandomRotation((10, 10)),
        lambda: A.AimCLRExtreme("12345"),
        lambda: AugmentationSequence([{"type": "AugmentSkeleton", "transforms": []}]),
    ],
)
def test_a_bad_argument_is_refused_when_built(make):
    with pytest.raises(ConfigError):
        make()


def test_a_flip_without_layout_says_what_to_give():
    with pytest.raises(LayoutError, match="layout="):
        A.SpatialFlip()(View(clips()), gen())


def test_the_pipeline_transform_does_the_same_to_one_clip():
    x = clips(n=1, dtype=torch.float32)[0].numpy()
    mask = np.array([True, False])
    config = [{"type": "AimCLRExtreme", "extreme_set": "paper"}]

    def run(seed):
        results = {"keypoint": x.copy(), "person_mask": mask, "rng": np.random.default_rng(seed), "layout": "ntu25"}
        return A.AugmentSkeleton(config)(results)["keypoint"]

    out = run(3)
    np.testing.assert_array_equal(out, run(3))
    assert out.shape == x.shape
    assert not out[1].any()
    assert not np.array_equal(out, run(4))
    seed = int(np.random.default_rng(3).integers(2**62))
    batch = A.AimCLRExtreme("paper").bind("ntu25")(
        View(torch.from_numpy(x)[None], torch.from_numpy(mask)[None]), gen(seed)
    )
    np.testing.assert_array_equal(out, batch.data[0])
