"""The data set: which clips, what is packed, the same draws whatever the workers, and what happens with bad clips."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from mmsync.datasets import SkeletonDataset, motion_collate
from mmsync.datasets.sources import NWUCLASource, SkeletonSource
from mmsync.errors import ConfigError, DataError, LayoutError, ProtocolError
from mmsync.registry import DATASETS, FUNCTIONS
from mmsync.structures import SkeletonLayout

FIXED = [dict(type="CenterOnJoint"), dict(type="ResizeClip", length=8), dict(type="PackSkeleton")]
RANDOM = [dict(type="CropResize", length=8, min_frames=2), dict(type="PackSkeleton")]


class Memory(SkeletonSource):
    """A source of given arrays."""

    layout, num_coords = SkeletonLayout.get("kinect20"), 3

    def __init__(self, clips, labels=None):
        self.clips, self.names = clips, [f"clip{i:02d}" for i in range(len(clips))]
        self.labels = None if labels is None else np.array(labels)
        self.splits = {}

    def load(self, index):
        if isinstance(self.clips[index], Exception):
            raise self.clips[index]
        return self.clips[index]


def fetch(dataset, **settings):
    loader = DataLoader(dataset, batch_size=5, collate_fn=motion_collate, **settings)
    batches = list(loader)
    samples = [s for b in batches for s in b["data_samples"]]
    keypoints = [clip for b in batches for clip in b["inputs"]["skeleton"].data]
    return keypoints, [s.name for s in samples], loader


# ---------------------------------------------------------------- which clips


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        (None, range(12)),
        ("test", range(8, 12)),
        (dict(view=2), (1, 4, 7, 10)),
        (dict(view=[1, 3], subject=[0, 3]), (0, 2, 9, 11)),
        (dict(label=0, subject=1), (3,)),
        (dict(names=["clip05", "clip01", "clip02"]), (5, 1, 2)),
        (dict(names=["clip05", "clip01", "clip02"], view=3), (5, 2)),
    ],
)
def test_splits(make_store, clips, split, expected):
    dataset = SkeletonDataset(make_store(clips), FIXED, split=split)
    assert dataset.names == [f"clip{i:02d}" for i in expected]
    assert [dataset[i]["data_samples"].gt_label for i in range(len(dataset))] == [i % 3 for i in expected]


def test_split_by_a_file_of_names(make_store, clips, tmp_path, logged):
    (tmp_path / "names.txt").write_text("clip03\nclip09\nclip99\n")
    dataset = SkeletonDataset(make_store(clips), FIXED, split=dict(file=tmp_path / "names.txt"))
    assert dataset.names == ["clip03", "clip09"]
    assert any("expected/found 3/2 clips; first missing: clip99" in line for line in logged)


def test_roles(make_store, clips):
    dataset = SkeletonDataset(make_store(clips), FIXED, roles=dict(bank="train", query=dict(view=3, subject=3)))
    assert [dataset[i]["data_samples"].role for i in (0, 7, 8)] == ["bank", "bank", "query"]
    assert dataset[8]["data_samples"].name == "clip11"
    assert len(dataset) == 9


def test_indices_shorten_the_split(make_store, clips):
    source = make_store(clips)
    assert SkeletonDataset(source, FIXED, split="test", indices=2).names == ["clip08", "clip09"]
    assert SkeletonDataset(source, FIXED, split="test", indices=[3, 0]).names == ["clip11", "clip08"]


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (dict(split="tran"), ProtocolError, "did you mean 'train'.*train, test"),
        (dict(split=dict(vew=1)), ProtocolError, "no attribute 'vew'; did you mean 'view'"),
        (dict(split=dict(view=9)), ProtocolError, "holds no clip"),
        (dict(split=dict(names=["x"])), ProtocolError, "none of its 1 names is in the source, the first is x"),
        (dict(split=dict(names=[])), ProtocolError, "is empty"),
        (dict(split=dict(file="missing.txt")), DataError, r"missing\.txt cannot be read"),
        (dict(split="train", roles=dict(bank="train")), ConfigError, "not both"),
        (dict(indices=[0, 12]), ConfigError, "indices up to 12, but the split has 12"),
        (dict(num_classes=2), DataError, r"labels are out of range, first clip02: 2 is not in \[0, 1\]"),
        (dict(layout="ntu25"), LayoutError, "no remap kinect20 -> ntu25.*coco17"),
    ],
)
def test_wrong_settings_are_told(make_store, clips, settings, error, message):
    with pytest.raises(error, match=message):
        SkeletonDataset(make_store(clips), FIXED, **settings)


def test_labels_are_optional(clips):
    dataset = SkeletonDataset(Memory(clips), FIXED)
    assert dataset[3]["data_samples"].gt_label == -1
    assert dataset.num_classes == 0
    assert (dataset.labels == -1).all()
    assert SkeletonDataset(Memory(clips, [0, -1, 4] * 4), FIXED).num_classes == 5


# ---------------------------------------------------------------- what is packed


def test_a_sample_and_its_batch(make_store, clips):
    """Clips of one frame, of two persons, of an absent one; the batch has room for the largest."""
    clips[3][1] = 0
    dataset = SkeletonDataset(make_store(clips), FIXED)
    batch = dataset.__getitems__([0, 1, 3])
    assert batch["inputs"]["skeleton"].data.shape == (3, 2, 8, 20, 3)
    assert batch["inputs"]["skeleton"].present.tolist() == [[True, False], [True, True], [True, False]]
    assert not batch["inputs"]["skeleton"].data[[0, 2], 1].any()
    assert (batch["inputs"]["skeleton"].data[0, 0] == batch["inputs"]["skeleton"].data[0, 0, :1]).all(), (
        "one frame, repeated"
    )
    assert [s.view for s in batch["data_samples"]] == [1, 2, 1]
    assert motion_collate(batch) is batch
    assert FUNCTIONS.get("motion_collate") is motion_collate
    single = motion_collate([dataset[i] for i in (0, 1, 3)])
    torch.testing.assert_close(single["inputs"], batch["inputs"], rtol=0, atol=0)


def test_clips_of_different_length_need_a_resize(make_store, clips):
    dataset = SkeletonDataset(make_store(clips), [dict(type="PackSkeleton")])
    assert dataset[2]["inputs"]["skeleton"].data.shape == (1, 11, 20, 3)
    with pytest.raises(DataError, match="ResizeClip"):
        dataset.__getitems__([0, 2])


def test_a_layout_is_made_by_a_remap(make_store, clips):
    dataset = SkeletonDataset(make_store(clips), FIXED, layout="sbu15")
    assert dataset.metainfo == dict(layout="sbu15", num_coords=3, num_classes=3, classes=["a", "b", "c"], fold=None)
    assert dataset[0]["inputs"]["skeleton"].data.shape == (1, 8, 15, 3)
    own = [dict(type="RemapSkeleton", src="kinect20", dst="sbu15"), *FIXED]
    torch.testing.assert_close(SkeletonDataset(make_store(clips, "other"), own)[4]["inputs"], dataset[4]["inputs"])


def test_from_a_config(make_store, clips, tmp_path):
    make_store(clips)
    source = dict(type="StoreSource", root=str(tmp_path / "store"))
    dataset = DATASETS.build(dict(type="SkeletonDataset", source=source, pipeline=FIXED, split="test"))
    assert len(dataset) == 4


# ---------------------------------------------------------------- randomness


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_the_same_samples_for_any_workers(make_store, clips, start):
    dataset = SkeletonDataset(make_store(clips), RANDOM, seed=3)
    for epoch in (0, 1):
        dataset.set_epoch(epoch)
        expected, names, _ = fetch(dataset)
        for workers in (2, 4) if start == "fork" else (2,):
            found, found_names, _ = fetch(dataset, num_workers=workers, multiprocessing_context=start)
            assert found_names == names
            assert all(torch.equal(a, b) for a, b in zip(found, expected))
        if start == "spawn":
            break


def test_draws_differ_by_epoch_index_and_seed_only(make_store, clips):
    source = make_store([clips[11]] * 3)
    dataset = SkeletonDataset(source, RANDOM, seed=0)

    def draw(dataset, epoch, index):
        dataset.set_epoch(epoch)
        return dataset[index]["inputs"]["skeleton"].data

    first = draw(dataset, 0, 0)
    assert torch.equal(first, draw(dataset, 0, 0))
    assert not torch.equal(first, draw(dataset, 1, 0))
    assert not torch.equal(first, draw(dataset, 0, 1))
    assert not torch.equal(first, draw(SkeletonDataset(source, RANDOM, seed=1), 0, 0))
    test = SkeletonDataset(source, RANDOM, seed=0, test_mode=True)
    assert torch.equal(draw(test, 0, 0), draw(test, 5, 0))


def test_persistent_workers_hear_of_the_epoch(make_store, clips):
    dataset = SkeletonDataset(make_store(clips), RANDOM)
    loader = DataLoader(dataset, 12, collate_fn=motion_collate, num_workers=1, persistent_workers=True)
    by_epoch = []
    for epoch in (0, 1, 0):
        dataset.set_epoch(epoch)
        by_epoch.append(next(iter(loader))["inputs"]["skeleton"].data)
    assert not torch.equal(by_epoch[0], by_epoch[1])
    assert torch.equal(by_epoch[0], by_epoch[2])


# ---------------------------------------------------------------- cache


def test_the_cache_gives_the_same(make_store, clips):
    source = make_store(clips)
    plain, cached = (SkeletonDataset(source, FIXED, cache=cache) for cache in (False, True))
    rows = [7, 0, 3, 3]
    for a, b in [(plain.__getitems__(rows), cached.__getitems__(rows)), (plain[7], cached[7])]:
        torch.testing.assert_close(a["inputs"], b["inputs"], rtol=0, atol=0)
    assert [s.name for s in cached.__getitems__(rows)["data_samples"]] == ["clip07", "clip00", "clip03", "clip03"]
    cached.__getitems__(rows)["inputs"]["skeleton"].data.zero_()
    torch.testing.assert_close(plain.__getitems__(rows)["inputs"], cached.__getitems__(rows)["inputs"])


def test_the_cache_does_not_freeze_draws(make_store, clips):
    with pytest.raises(ConfigError, match=r"cache keeps clips.*draws random numbers"):
        SkeletonDataset(make_store(clips), RANDOM, cache=True)


# ---------------------------------------------------------------- bad clips


def bad_source(clips, at=4):
    """One clip each of NaN, of nobody, of an unreadable file, and of wrong joints."""
    clips[at] = clips[at].copy()
    clips[at][0, -1, 3, 1] = np.nan
    clips[at + 1] = np.zeros((1, 5, 20, 3), np.float32)
    clips[at + 2] = OSError("disk on fire")
    clips[at + 3] = np.ones((1, 5, 19, 3), np.float32)
    return Memory(clips)


def test_bad_clips_are_counted_logged_and_replaced(clips, logged):
    dataset = SkeletonDataset(bad_source(clips), FIXED, max_bad_share=0.4)
    batch = dataset.__getitems__(range(12))
    assert dataset.bad_items() == ["clip04", "clip05", "clip06", "clip07"]
    for text in ("clip04: 1 of 21 frames hold NaN", "clip05: all 5 frames are empty", "disk on fire", "clip07: shape"):
        assert sum(text in line for line in logged) == 1, text
    assert torch.isfinite(batch["inputs"]["skeleton"].data).all()
    samples = batch["data_samples"]
    assert [s.index for s in samples] == list(range(12)), "one result for each sample"
    assert not {s.name for s in samples} & set(dataset.bad_items())
    again = SkeletonDataset(bad_source(clips), FIXED, max_bad_share=0.4)
    again.set_epoch(5)
    assert again[5]["data_samples"].name == samples[5].name, "always the same replacement"
    assert again[4]["data_samples"].name == samples[4].name, "whatever was met before"


def test_too_many_bad_clips_stop_the_run(clips):
    dataset = SkeletonDataset(bad_source(clips), FIXED, max_bad_share=0.2)
    with pytest.raises(DataError, match=r"4 of 12 clips are bad.*Bad: clip04, .*, clip07 .*check_data") as caught:
        dataset.__getitems__(range(12))
    assert isinstance(caught.value.__cause__, (DataError, OSError))


@pytest.mark.parametrize("cache", [False, True, "disk"])
def test_a_run_that_stops_lists_all_bad_clips_in_a_file(clips, cache, tmp_path, monkeypatch):
    """The first bad clip stops the run, but the count and the file are of all of them, also those not read yet."""
    monkeypatch.setenv("MMSYNC_CACHE", str(tmp_path))
    many = [np.full_like(clip, np.nan) if i % 2 else clip for i, clip in enumerate(clips * 5)]
    source = Memory(many)
    monkeypatch.setattr(source, "files", lambda: [tmp_path / "of the source"], raising=False)
    (tmp_path / "of the source").touch()
    with pytest.raises(DataError, match=r"30 of 60 clips are bad, max_bad_share=0.01 .* and 10 more") as caught:
        SkeletonDataset(source, FIXED, cache=cache)[1]
    # beside the log of a run, which an earlier test may have left, else in the cache
    found = re.search(r"\((\S+bad_clips\.txt) lists all with the reasons\)", str(caught.value))
    listed = Path(found[1]).read_text().splitlines()
    assert [line.split("\t")[0] for line in listed] == [f"clip{i:02d}" for i in range(1, 60, 2)]
    assert all("NaN" in line.split("\t")[1] for line in listed)


def test_bad_clips_of_all_workers_are_counted_together(clips):
    dataset = SkeletonDataset(bad_source(clips), FIXED, max_bad_share=0.4)
    _, names, _ = fetch(dataset, num_workers=2)
    assert dataset.bad_items() == ["clip04", "clip05", "clip06", "clip07"]
    _, alone, _ = fetch(SkeletonDataset(bad_source(clips), FIXED, max_bad_share=0.4))
    assert names == alone


def test_replacements_keep_to_their_role(clips):
    source = bad_source(clips)
    source.splits = {"bank": [f"clip{i:02d}" for i in range(6)], "query": [f"clip{i:02d}" for i in range(6, 12)]}
    dataset = SkeletonDataset(source, FIXED, roles=dict(bank="bank", query="query"), max_bad_share=0.5)
    for sample in dataset.__getitems__(range(12))["data_samples"]:
        assert sample.name in source.splits[sample.role]


# ---------------------------------------------------------------- real data


@pytest.mark.realdata
def test_every_real_ucla_clip_is_packed(data_root):
    source = NWUCLASource(data_root / "nw-ucla")
    roles = dict(bank="xview_train", query="xview_test")
    dataset = SkeletonDataset(source, FIXED, roles=roles, cache=True, max_bad_share=0)
    batch = dataset.__getitems__(range(len(dataset)))
    assert batch["inputs"]["skeleton"].data.shape == (1484, 1, 8, 20, 3)
    assert batch["inputs"]["skeleton"].present.all()
    assert torch.isfinite(batch["inputs"]["skeleton"].data).all()
    assert [sum(s.role == role for s in batch["data_samples"]) for role in roles] == [1020, 464]
    assert all(s.gt_label == dataset.labels[s.index] for s in batch["data_samples"])
