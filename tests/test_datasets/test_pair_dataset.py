"""Pairs of tracks: what there is against a loop over frames, what is drawn, and that it never falls short silently."""

from __future__ import annotations

import re
import runpy
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from torch.utils.data import DataLoader

from mmsync.datasets import PairDataset, PairTable
from mmsync.datasets.pair_table import PAIR_KINDS
from mmsync.datasets.sources import TrackSource
from mmsync.errors import ConfigError, DataError, ProtocolError
from mmsync.structures import SkeletonLayout, Track

W, SHIFT = 5, 4
NAMES = ["negative", "hug", "kiss"]


def box_iou(a, b) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def make_tracks(seed=0, videos=6) -> list[Track]:
    """Two to four people a video, of 3 to 30 frames, who walk past each other; labels by video, one without."""
    rng = np.random.default_rng(seed)
    tracks = []
    for v in range(videos):
        for person in range(2 + v % 3):
            n = int(rng.integers(3, 31))
            corner = rng.uniform(0, 60, 2) + np.linspace(0, 1, n)[:, None] * rng.uniform(-60, 60, 2)
            boxes = np.concatenate([corner, corner + 40], 1).astype(np.float32)
            label = np.full(n, v % 3 if v else -1, np.int64)
            tracks.append(Track(f"v{v}", person, int(rng.integers(0, 6)), boxes, label, np.full(n, -1)))
    return tracks


class FakeSource(TrackSource):
    """Pictures whose pixels are track and tick; or skeletons."""

    def __init__(self, tracks, modality="video", bad=()):
        self.tracks, self.modality, self.bad, self.fps = tracks, modality, bad, 25.0
        self.names = sorted({track.video for track in tracks})
        self.labels = np.array([max(int(t.labels[0]) for t in tracks if t.video == v) for v in self.names])
        self.class_names = NAMES
        self.splits = {"set1": self.names[::2], "set2": self.names[1::2]}
        self.layout, self.num_coords = SkeletonLayout.get("ntu25"), 3

    def load(self, track, start, length):
        found = self.span(track, start, length)
        if found.video in self.bad:
            raise DataError(f"{found.video}: corrupt")
        if self.modality == "skeleton":
            return np.full((length, 25, 3), track, np.float32)
        out = np.empty((length, 2, 2, 3), np.uint8)
        out[...] = np.arange(start, start + length)[:, None, None, None]
        out[..., 0] = track
        return out


MIX = dict(positive=1, easy=1, medium=1, hard=1)


def make_data(tracks=None, mix=MIX, **more) -> PairDataset:
    source = FakeSource(
        make_tracks() if tracks is None else tracks, **{k: more.pop(k) for k in ("modality", "bad") if k in more}
    )
    settings = dict(window=W, shift=SHIFT, placement="any", size=40)
    return PairDataset(source, mix, **{**settings, **more})


def expected_rows(tracks, placement) -> dict[str, set]:
    """All pairs by kind, by loops over pairs, windows and frames."""
    found = {kind: set() for kind in ("positive", "medium", "hard")}
    for a, first in enumerate(tracks):
        for b in range(a + 1, len(tracks)):
            second = tracks[b]
            low, high = max(first.start, second.start), min(first.stop, second.stop)
            if first.video != second.video or high - low < W:
                continue
            starts = range(low, high - W + 1) if placement == "any" else [low + (high - low - W) // 2]
            for s in starts:
                frames = range(s, s + W)
                mean = np.mean([box_iou(first.boxes[t - first.start], second.boxes[t - second.start]) for t in frames])
                found["positive" if mean > 0.1 else "medium"].add((a, s, b, s))
                for sa, sb in ((SHIFT, 0), (-SHIFT, 0), (0, SHIFT), (0, -SHIFT)):
                    inside = [t.start <= s + d and s + d + W <= t.stop for t, d in ((first, sa), (second, sb))]
                    if mean > 0.1 and all(inside):
                        found["hard"].add((a, s + sa, b, s + sb))
    return found


class TestTable:
    @pytest.mark.parametrize("placement", ["center", "any"])
    def test_kinds_against_loops(self, placement):
        tracks = make_tracks(videos=12)
        table = PairTable(tracks, W, 0.1, SHIFT, placement)
        wanted = expected_rows(tracks, placement)
        assert all(wanted.values())
        for kind, rows in wanted.items():
            drawn = table.draw(kind, 4000, np.random.default_rng(0))
            swapped = drawn[:, 0] > drawn[:, 2]
            assert 0.4 < swapped.mean() < 0.6
            drawn[swapped] = drawn[swapped][:, [2, 3, 0, 1]]
            assert set(map(tuple, drawn.tolist())) == rows, kind
            assert table.available[kind] == len({(a, b) for a, _, b, _ in rows})
            assert table.windows[kind] == len(rows)

    def test_few_medium_pairs_are_of_as_many_videos_as_can_be(self):
        """A crowd of pairs does not hide the videos of two people; those without a positive pair come first."""

        def people(video, corners):
            boxes = [np.tile([x, 0, x + 9, 9], (W, 1)).astype(np.float32) for x in corners]
            return [Track(video, i, 0, box, np.zeros(W, np.int64), np.full(W, -1)) for i, box in enumerate(boxes)]

        crowd = people("crowd", range(0, 400, 20))  # 190 medium pairs
        near = [track for i in range(5) for track in people(f"near{i}", (0, 1, 50))]
        apart = [track for i in range(7) for track in people(f"apart{i}", (0, 50))]
        table = PairTable([*crowd, *near, *apart], W)
        assert table.available["medium"] == 190 + 5 * 2 + 7

        def videos(count):
            rows = table.draw("medium", count, np.random.default_rng(count))
            assert len(np.unique(np.sort(rows[:, ::2], 1), axis=0)) == min(count, 207)
            return [table.tracks[i].video for i in rows[:, 0]]

        first = {"crowd", *(f"apart{i}" for i in range(7))}
        assert set(videos(8)) == first
        assert set(videos(14)) == first | {f"near{i}" for i in range(5)}
        assert videos(14).count("crowd") <= 2
        assert sorted(set(videos(414))) == sorted(set(videos(14)))

    def test_the_threshold_is_strict(self):
        """Two unit-high boxes that share 0.1 of their union exactly in each frame; a hair more is positive."""

        def pair(shared):
            n, width = 25, (1 + shared) / 2  # union 1, intersection `shared`
            a = np.tile([0, 0, width, 1], (n, 1))
            b = np.tile([1 - width, 0, 1, 1], (n, 1))
            return [Track("v", i, 0, box, np.zeros(n, np.int64), np.full(n, -1)) for i, box in enumerate((a, b))]

        assert PairTable(pair(0.1)).available["positive"] == 0
        assert PairTable(pair(0.1)).available["medium"] == 1
        assert PairTable(pair(0.1001)).available["positive"] == 1
        assert PairTable(pair(0.1), enlarge=0.2).available["positive"] == 1

    @pytest.mark.parametrize(("frames", "hard"), [(73, 0), (74, 2), (75, 4)])
    def test_hard_negatives_of_centred_windows_need_74_frames_and_75_for_both_ways(self, frames, hard):
        box = np.tile([0, 0, 9, 9], (frames, 1)).astype(np.float32)
        tracks = [Track("v", i, 0, box, np.zeros(frames, np.int64), np.full(frames, -1)) for i in range(2)]
        assert PairTable(tracks).windows["hard"] == hard

    def test_easy_pairs_are_of_two_videos_and_reach_all(self):
        tracks = [t for t in make_tracks() if len(t) >= W]
        table = PairTable(tracks, W, placement="any")
        rows = table.draw("easy", 6000, np.random.default_rng(0))
        pairs = {tuple(sorted(p)) for p in rows[:, ::2].tolist()}
        wanted = {(a, b) for a in range(len(tracks)) for b in range(a) if tracks[a].video != tracks[b].video}
        assert pairs == {tuple(sorted(p)) for p in wanted}
        assert table.available["easy"] == len(wanted)
        for track, start in rows.reshape(-1, 2).tolist():
            assert tracks[track].start <= start <= tracks[track].stop - W

    @pytest.mark.parametrize("kind", [kind.name for kind in PAIR_KINDS])
    def test_each_pair_comes_once_before_one_comes_again(self, kind):
        table = PairTable(make_tracks(videos=12), W, 0.1, SHIFT)
        n = table.available[kind]
        rows = table.draw(kind, 2 * n + 1, np.random.default_rng(0))
        names = [tuple(sorted(p)) for p in rows[:, ::2].tolist()]
        assert len(set(names[:n])) == len(set(names[n : 2 * n])) == n

    def test_easy_pairs_of_very_many_tracks_are_numbered_not_listed(self):
        """Of 40,000 tracks there are 8e8 pairs; drawing a few needs memory for a few."""
        one = Track("", 0, 0, None, np.zeros(W, np.int64), np.full(W, -1))
        tracks = [Track(f"v{i}", 0, 0, None, one.labels, one.partner) for i in range(40_000)]
        table = PairTable(tracks, W)
        assert table.available["easy"] == 40_000 * 39_999 // 2
        tracemalloc.start()
        rows = table.draw("easy", 20_000, np.random.default_rng(0))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 50e6
        assert (rows[:, 0] != rows[:, 2]).all()
        counts = np.bincount(rows[:, ::2].ravel() // 4000)  # tracks early and late in the list alike: 4000 each
        assert np.abs(counts - 4000).max() < 5 * 4000**0.5

    def test_skeletons_of_a_clip_are_aligned(self):
        tracks = [Track(t.video, t.person, t.start, None, t.labels, t.partner) for t in make_tracks()]
        table = PairTable(tracks, W)
        assert table.available["medium"] == 0
        assert table.available["positive"] == len(table.pairs) > 3

    @pytest.mark.parametrize("wrong", [dict(window=0), dict(iou_threshold=2), dict(placement="left"), dict(shift=0)])
    def test_settings_are_checked(self, wrong):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            PairTable(make_tracks(), **wrong)


class TestDataset:
    def test_a_batch_holds_what_its_rows_say(self):
        data = make_data()
        batch = data.__getitems__(range(40))
        tracks, (rows, kinds) = batch["inputs"]["video"].data, data.drawn()
        assert tracks.shape == (40, 2, W, 2, 2, 3)
        assert batch["inputs"]["video"].present.all()
        assert tracks[..., 0].flatten(2)[..., 0].tolist() == rows[:, ::2].tolist()
        assert tracks[:, :, 0, 0, 0, 1].tolist() == rows[:, 1::2].tolist()
        for sample, row, kind in zip(batch["data_samples"], rows, kinds):
            first, second = (data.source.tracks[i] for i in row[::2])
            assert (sample.kind, sample.positive) == (kind, int(kind == "positive"))
            assert (sample.name, sample.other) == (first.video, second.video)
            assert sample.persons == [first.person, second.person]
            same = first.video == second.video
            assert sample.gt_label == (first.labels[0] if same else 0)  # 0 is the class `negative`

    def test_the_mix_is_kept_to_the_pair_and_said(self, logged):
        data = make_data(mix=dict(positive=1, easy=1.5, hard=1.5), size=41)
        kinds, counts = np.unique(data.drawn()[1], return_counts=True)
        assert dict(zip(kinds, counts)) == {"positive": 10, "easy": 16, "hard": 15}
        assert any("positive 10 (24 %)" in line for line in logged)
        data.set_mix(dict(positive=1, medium=1))
        assert set(data.drawn()[1]) == {"positive", "medium"}
        assert "times" in logged[-1]  # fewer pairs than are drawn

    def test_size_none_is_each_positive_once(self):
        data = make_data(size=None, mix=dict(positive=1, easy=3))
        n = data.tables["train"].available["positive"]
        assert len(data) == 4 * n
        rows, kinds = data.drawn()
        assert len({tuple(sorted(p)) for p in rows[kinds == "positive"][:, ::2].tolist()}) == n

    def test_a_kind_that_lacks_is_an_error_or_shared_out(self, logged):
        bodies = [Track(t.video, t.person, t.start, None, t.labels, t.partner) for t in make_tracks()]
        with pytest.raises(DataError, match="medium pairs, but there is none; available: positive"):
            make_data(bodies, modality="skeleton")
        mix = dict(positive=1, easy=1, medium=1, hard=1)
        data = make_data(bodies, mix, modality="skeleton", redistribute=True)
        kinds, counts = np.unique(data.drawn()[1], return_counts=True)
        assert dict(zip(kinds, counts)) == {"positive": 10, "easy": 15, "hard": 15}
        assert any("medium 0 (0 %) of 0 pairs, its share" in line for line in logged)
        with pytest.raises(DataError, match="positive"):
            make_data([t for t in bodies if t.person == 0], modality="skeleton", redistribute=True)

    def test_epochs_differ_and_a_test_set_does_not(self):
        for test_mode in (False, True):
            data = make_data(test_mode=test_mode)
            before = data.drawn()[0]
            data.set_epoch(1)
            assert np.array_equal(before, data.drawn()[0]) == test_mode

    def test_roles_keep_their_videos_apart(self):
        data = make_data(make_tracks(3, videos=16), roles=dict(bank="set1", query="set2"), test_mode=True)
        assert len(data) == 80
        videos = {"bank": set(), "query": set()}
        for sample in data.__getitems__(range(80))["data_samples"]:
            videos[sample.role] |= {sample.name, sample.other}
            first, _, second, _ = data.drawn()[0][sample.index]
            for part, track in zip(sample.windows.split("-"), (first, second)):  # which tells windows of a pair apart
                video, person, start = re.fullmatch(r"(v\d+)\.(\d)@(\d+)", part).groups()
                found = data.source.tracks[track]
                assert (video, int(person)) == (found.video, found.person)
                assert found.start <= int(start) <= found.stop - W
            assert sample.index < 40 or sample.role == "query"
        assert videos["bank"] <= set(data.source.splits["set1"])
        assert videos["query"] <= set(data.source.splits["set2"])

    def test_a_condition_that_no_track_has_is_told_what_there_is(self):
        with pytest.raises(ProtocolError, match=r"no attribute 'view'; give label, names, file"):
            make_data(split=dict(view=1))

    def test_workers_follow_epoch_and_mix_and_give_the_same(self):
        def collect(workers):
            data, found = make_data(), []
            keep = workers > 0
            loader = DataLoader(data, 8, num_workers=workers, collate_fn=data.collate, persistent_workers=keep)
            for epoch, mix in ((0, MIX), (1, dict(positive=1, easy=1)), (2, dict(positive=1, hard=1))):
                data.set_epoch(epoch)
                data.set_mix(mix)
                found += [(b["inputs"]["video"].data.tolist(), [s.kind for s in b["data_samples"]]) for b in loader]
            return found

        assert collect(2) == collect(0)

    def test_a_bad_video_is_counted_named_and_its_pairs_redrawn(self, logged):
        data = make_data(bad=("v3",), max_bad_share=0.2)
        batch, again = (data.__getitems__(range(40)) for _ in range(2))
        assert data.bad_items() == ["v3"]
        assert any("v3: corrupt" in line for line in logged)
        assert not {"v3"} & {s.name for s in batch["data_samples"]} | {"v3"} & {s.other for s in batch["data_samples"]}
        assert [s.kind for s in batch["data_samples"]] == data.drawn()[1].tolist()
        assert batch["inputs"]["video"].data.tolist() == again["inputs"]["video"].data.tolist()

    def test_too_many_bad_videos_stop_the_run_with_a_list(self):
        data = make_data(bad=("v1", "v3"), max_bad_share=0.2)
        with pytest.raises(DataError, match=r"2 of 6 videos are bad.*v1, v3"):
            data.__getitems__(range(40))

    def test_scenes_hold_who_else_is_there(self):
        data = make_data(make_tracks(5, videos=12), dict(positive=1, easy=1), persons=4)
        batch = data.__getitems__(range(40))
        mask = batch["inputs"]["video"].present
        assert batch["inputs"]["video"].data.shape == (40, 4, W, 2, 2, 3)
        assert mask.sum(1).max() > 2
        for sample, tracks, there in zip(batch["data_samples"], batch["inputs"]["video"].data, mask):
            near = np.array(sample.aligned)
            assert tracks[~there].sum() == 0
            if sample.kind != "positive":
                assert there.tolist() == [True, True, False, False]
                assert not near.any()
                continue
            found = [data.source.tracks[int(t)] for t in tracks[there][:, 0, 0, 0, 0]]
            start = int(tracks[0, 0, 0, 0, 1])
            assert {t.video for t in found} == {sample.name}
            videos = {tuple(sample.moments[i]) for i in range(4) if there[i]}
            assert len(videos) == 1
            assert videos.pop()[1:] == (start, start + W)
            assert all(moment == [0, 0, 0] for moment, here in zip(sample.moments, there) if not here)
            for i, a in enumerate(found):
                for j, b in enumerate(found):
                    pairs = zip(a.boxes[start - a.start :][:W].tolist(), b.boxes[start - b.start :][:W].tolist())
                    assert near[i, j] == (np.mean([box_iou(x, y) for x, y in pairs]) > 0.1)

    def test_labels_of_a_majority_of_both(self):
        labels = [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 1, 2, 2, 0], [-1, -1, -1, 1, 1], [0, 0, 0, 0, -1]]
        box = np.tile([0, 0, 9, 9], (W, 1)).astype(np.float32)
        wanted = {(0, 1): 1, (0, 2): 0, (1, 2): 0, (0, 3): -1, (2, 2): 0, (2, 3): 0, (3, 4): 0, (3, 3): -1}
        for (a, b), label in wanted.items():
            two = [Track("v", i, 0, box, np.array(labels[j]), np.full(W, -1)) for i, j in enumerate((a, b))]
            assert make_data(two, dict(positive=1), size=1)[0]["data_samples"].gt_label == label

    @pytest.mark.parametrize(
        ("wrong", "word"),
        [
            (dict(mix=dict(positve=1)), "positive"),
            (dict(mix=dict(easy=0)), "above 0"),
            (dict(size=None, mix=dict(easy=1)), "give size"),
            (dict(split="set1", roles=dict(bank="set1")), "not both"),
            (dict(persons=1), "persons=1"),
        ],
    )
    def test_settings_are_checked(self, wrong, word):
        with pytest.raises(ConfigError, match=word):
            make_data(**wrong)

    def test_an_epoch_of_all_positive_pairs_needs_one(self):
        with pytest.raises(DataError, match=r"asks for positive.*available: positive 0.*smaller window"):
            make_data(size=None, mix=dict(positive=1, easy=1), window=10_000)


def test_the_tool_puts_options_where_the_config_reads_them(tmp_path, monkeypatch, capsys):
    """``data_root`` is a variable of the config's base, that its loaders are made of."""
    root = Path(__file__).parents[2]
    config, gone = root / "configs/sync3d/sync3d_i3d_tvhid.py", tmp_path / "gone"
    monkeypatch.setattr(sys, "argv", ["pair_statistics.py", str(config), "--cfg-options", f"data_root={gone}"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(root / "tools/analysis_tools/pair_statistics.py"), run_name="__main__")
    assert caught.value.code == 2
    assert f"{gone} does not exist" in capsys.readouterr().err


def test_pairs_of_real_skeletons(data_root):
    source = dict(type="SkeletonTrackSource", source=dict(type="SBUSource", data_root=str(data_root / "sbu")), fps=15.0)
    mix = dict(positive=1, easy=1, hard=1)
    data = PairDataset(source, mix, roles=dict(bank="fold1_train", query="fold1_test"), window=10, placement="any")
    inputs = data.__getitems__(range(8))["inputs"]
    assert inputs["skeleton"].data.shape == (8, 2, 10, 15, 3)
    assert data.metainfo["layout"] == "sbu15"
    assert {s.gt_label for s in data.__getitems__(range(60))["data_samples"] if s.kind != "easy"} <= set(range(8))
