"""Maps of time of sequences, each against a loop over samples that is given the same draws."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from mmsync.errors import ConfigError
from mmsync.registry import TRANSFORMS
from mmsync.structures import View

LENGTHS = [40, 1, 2, 3, 7, 17, 39, 40, 25, 16]
T = 40


def batch(lengths=LENGTHS, frames=T, channels=3) -> View:
    """Channel 0 is the source frame itself."""
    x = torch.randn(len(lengths), frames, channels, generator=torch.Generator().manual_seed(0))
    x[..., 0] = torch.arange(frames)
    valid = torch.arange(frames) < torch.tensor(lengths)[:, None]
    return View(x, None, valid, torch.arange(frames, dtype=torch.float32).expand(len(lengths), -1))


def build(name, **args):
    return TRANSFORMS.build(dict(type=name, **args))


def floor(uniform: torch.Tensor, count: float) -> int:
    return min(int((uniform * count).item()), int(count) - 1)


def lowest(score, among, count):
    return sorted(score[:among].argsort()[:count].tolist())


def trim(part, n, d):
    least = min(n, max(math.ceil(part.ratio * n), part.min_frames))
    size = least + floor(d["window"][0], n - least + 1)
    start = floor(d["window"][1], n - size + 1)
    return list(range(start, start + size))


def drop(part, n, d):
    gone = lowest(d["score"], n, int((d["share"] * part.max_drop * n).item()))
    return [t for t in range(n) if t not in gone]


def slow(part, n, d):
    after = lowest(d["score"], n - 1, min(n - 1, int((d["share"] * part.max_insert * n).item())))
    return [t for frame in range(n) for t in ([frame, frame + 0.5] if frame in after else [frame])]


def fast_or_slow(part, n, d):
    return slow(part, n, d) if d["slow"] else drop(part, n, d)


def choose(score, frames, num):
    if len(frames) < num:
        return [frames[i * len(frames) // num] for i in range(num)]
    return [frames[t] for t in lowest(score, len(frames), num)]


def sample(part, n, d):
    num = part.num
    if part.rule == "segment_uniform":
        return [floor((i + d["within"][i]) / num, n) for i in range(num)]
    if part.rule == "stride":
        start = floor(d["start"], max(n - part.stride * (num - 1), 1))
        return [min(start + part.stride * i, n - 1) for i in range(num)]
    if part.rule == "carl":
        block = math.ceil((n * (1 + d["stretch"] * (part.max_stretch - 1))).item())
        places = choose(d["score"], list(range(block)), num)
        places[0] = min(places[0], n - 1)
        return [t for t in places if t < n]
    first = 1 if part.rule == "offset_uniform" and n > 1 else 0
    return choose(d["score"], list(range(first, n)), num)


def tcn(part, n, d):
    first = 1 if n > 1 else 0
    anchors = choose(d["score"], list(range(first, n)), part.num)
    back = [0 if a == 0 else 1 + floor(d["back"][i], min(part.window, a)) for i, a in enumerate(anchors)]
    return [t for a, b in zip(anchors, back) for t in (a, a - b)]


RULES = ("offset_uniform", "segment_uniform", "sorted_uniform", "stride", "carl")
CASES = {
    "trim": (build("TrimFrames", ratio=0.4, min_frames=5), trim),
    "drop": (build("DropFrames", max_drop=0.7), drop),
    "slow": (build("SlowFrames", max_insert=0.7), slow),
    "fast or slow": (build("FastOrSlow"), fast_or_slow),
    "pairs": (build("TCNPairs", num=6, window=4), tcn),
    **{rule: (build("SampleFrames", num=12, rule=rule, stride=2), sample) for rule in RULES},
}


@pytest.mark.parametrize("name", CASES)
def test_a_map_of_time_equals_a_loop_over_samples(name):
    part, loop = CASES[name]
    view = batch()
    draws = part.draw(view.data, torch.Generator().manual_seed(1))
    out = part.apply(view, draws)
    for i, n in enumerate(LENGTHS):
        expected = loop(part, n, {key: value[i] for key, value in draws.items()})
        shown = out.valid[i]
        assert shown.tolist() == [t < len(expected) for t in range(out.data.shape[1])]
        assert out.index[i][shown].tolist() == expected
        for t, frame in enumerate(expected):
            x = view.data[i]
            source = x[int(frame)] if frame == int(frame) else (x[int(frame)] + x[int(frame) + 1]) / 2
            torch.testing.assert_close(out.data[i, t], source, rtol=1e-6, atol=0 if frame == int(frame) else 1e-6)


@pytest.mark.parametrize("name", CASES)
def test_valid_frames_come_first_and_ascend(name):
    part, _ = CASES[name]
    view = batch()
    for seed in range(5):
        out = part(view, torch.Generator().manual_seed(seed))
        assert out.valid[:, 0].all()
        assert not (out.valid[:, 1:] & ~out.valid[:, :-1]).any()
        assert (out.index[out.valid] < torch.tensor(LENGTHS)[:, None].expand_as(out.index)[out.valid]).all()
        if name != "pairs":
            rising = out.index[:, 1:] >= out.index[:, :-1]
            assert rising[out.valid[:, 1:]].all()
        whole = out.valid & (out.index == out.index.floor())
        assert torch.equal(out.data[..., 0][whole], out.index[whole])


@pytest.mark.parametrize("name", CASES)
def test_padding_has_no_influence(name):
    """The same draws with 50 frames of padding more."""
    part, _ = CASES[name]
    view = batch()
    draws = part.draw(view.data, torch.Generator().manual_seed(1))
    longer = View(*(None if x is None else F.pad(x, (0, 0) * (x.dim() - 2) + (0, 50)) for x in view))
    wanted = {key: value.shape for key, value in part.draw(longer.data, torch.Generator()).items()}
    padded = {
        key: value if value.dim() < 2 else F.pad(value, (0, wanted[key][1] - value.shape[1]))
        for key, value in draws.items()
    }
    one, other = part.apply(view, draws), part.apply(longer, padded)
    size = one.data.shape[1]
    assert not other.valid[:, size:].any()
    assert torch.equal(one.valid, other.valid[:, :size])
    assert torch.equal(one.index[one.valid], other.index[:, :size][one.valid])
    assert torch.equal(one.data[one.valid], other.data[:, :size][one.valid])


@pytest.mark.parametrize("name", CASES)
def test_shape_of_frames_missing_mask_and_empty_samples(name):
    part, _ = CASES[name]
    flat = batch()
    joints = flat._replace(data=flat.data[..., None].expand(-1, -1, -1, 2))
    one, other = (part(view, torch.Generator().manual_seed(2)) for view in (flat, joints))
    assert torch.equal(one.data[..., None].expand_as(other.data), other.data)
    whole = batch([T] * 3)
    out, masked = (part(v, torch.Generator().manual_seed(2)) for v in (View(whole.data), whole))
    assert all(torch.equal(a, b) for a, b in ((out.data, masked.data), (out.valid, masked.valid)))
    assert torch.equal(out.index, masked.index)
    assert not part(batch([0, 5]), torch.Generator()).valid[0].any()


def test_frames_between_padding_are_counted_alone():
    view = batch([T])
    holes = view._replace(valid=torch.arange(T)[None] % 2 == 1)
    out = build("TrimFrames", ratio=1.0)(holes)
    assert out.index[0, : T // 2].tolist() == list(range(1, T, 2))
    assert out.valid.sum() == T // 2


@pytest.mark.parametrize("name", ["TrimFrames", "DropFrames"])
def test_prob_leaves_samples_alone(name):
    view, part = batch(), build(name, prob=0.5)
    draws = part.draw(view.data, torch.Generator().manual_seed(3))
    for out in (part.apply(view, draws), part.run(view, part.steps(view.data, draws))):
        left = ~draws["apply"]
        assert 0 < left.sum() < len(left)
        assert all(torch.equal(new[left], old[left]) for new, old in zip(out, view) if old is not None)


def test_trimmed_windows_have_every_length_and_start():
    view = batch([6] * 3000, 8)
    out = build("TrimFrames", ratio=0.5, min_frames=4)(view, torch.Generator().manual_seed(0))
    count = out.valid.sum(1)
    windows, times = torch.stack([count, out.index[:, 0].long()], 1).unique(dim=0, return_counts=True)
    expected = {(size, start): 1000 / (7 - size) for size in (4, 5, 6) for start in range(7 - size)}
    found = {tuple(window): n for window, n in zip(windows.tolist(), times.tolist())}
    assert found.keys() == expected.keys()
    assert all(abs(found[key] - n) < 4 * math.sqrt(n) for key, n in expected.items())


def test_interpolated_frames_have_fractions_that_match_no_frame_after_others_were_dropped():
    view = batch([T, T])
    gone = build("DropFrames", max_drop=0.9)(view, torch.Generator().manual_seed(0))
    out = build("SlowFrames", max_insert=1.0)(gone, torch.Generator().manual_seed(1))
    between = out.index[out.valid] % 1
    assert set(between.tolist()) == {0.0, 0.5}


@pytest.mark.parametrize("rule", RULES)
def test_short_sequences_are_repeated_or_masked(rule):
    view = batch([1, 4, 30], 30)
    repeat, mask = (build("SampleFrames", num=8, rule=rule, short=short)(view) for short in ("repeat", "mask"))
    assert repeat.data.shape == mask.data.shape == (3, 8, 3)
    if rule != "carl":
        assert repeat.valid.all()
    assert mask.valid[0].tolist() == [True] + [False] * 7
    found = mask.index[1][mask.valid[1]].tolist()
    assert found == [t for t in range(4) if t >= (rule == "offset_uniform")]
    assert len(mask.index[2][mask.valid[2]].unique()) == mask.valid[2].sum()


@pytest.mark.parametrize(
    ("name", "args", "text"),
    [
        ("TrimFrames", dict(ratio=0.0), "ratio"),
        ("TrimFrames", dict(min_frames=0), "min_frames"),
        ("DropFrames", dict(max_drop=1.0), "max_drop=1"),
        ("SlowFrames", dict(max_insert=1.5), "max_insert=1.5"),
        ("FastOrSlow", dict(slow_prob=2), "slow_prob"),
        ("SampleFrames", dict(num=0), "num=0"),
        ("SampleFrames", dict(num=5, rule="random"), "rule='random'; give one of offset_uniform"),
        ("SampleFrames", dict(num=5, max_stretch=0.5), "max_stretch"),
        ("SampleFrames", dict(num=5, short="drop"), "short='drop'"),
        ("TCNPairs", dict(num=5, window=0), "window=0"),
    ],
)
def test_wrong_arguments_are_refused(name, args, text):
    with pytest.raises(ConfigError, match=text):
        build(name, **args)
