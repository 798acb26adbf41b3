"""Proves of the disk cache that it serves the very batches of the pipeline, is written once, and is told when stale."""

from __future__ import annotations

import importlib
import inspect
import os
import pickle
import signal
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from test_skeleton_dataset import FIXED, RANDOM, Memory, fetch

from mmsync.datasets import SkeletonDataset
from mmsync.datasets.skeleton_dataset import pipeline_key
from mmsync.datasets.sources import StoreSource
from mmsync.datasets.transforms import ResizeClip, temporal
from mmsync.errors import ConfigError, DataError
from mmsync.registry import DATASETS, TRANSFORMS
from mmsync.store import cache_root, clip_cache
from mmsync.structures import MotionSample


def entries() -> list[str]:
    return sorted(path.name for path in cache_root().glob("*") if not path.name.startswith("."))


def no_packing(*args):
    raise AssertionError("a clip was packed again")


def same_view(a, b):
    torch.testing.assert_close((a.data, a.present), (b.data, b.present), rtol=0, atol=0)


def same_batch(a, b):
    assert a["inputs"].keys() == b["inputs"].keys() == {"skeleton"}
    same_view(a["inputs"]["skeleton"], b["inputs"]["skeleton"])
    assert [s.to_dict() for s in a["data_samples"]] == [s.to_dict() for s in b["data_samples"]]
    assert [s.metainfo for s in a["data_samples"]] == [s.metainfo for s in b["data_samples"]]


@pytest.mark.parametrize("persons", [None, 1, 3])
@pytest.mark.parametrize("layout", [None, "sbu15"])
def test_batches_are_those_of_the_pipeline(make_store, clips, persons, layout):
    clips[3][1] = 0  # a second person who is not there
    pipeline = [*FIXED[:-1], dict(type="PackSkeleton", num_persons=persons)]
    settings = dict(roles=dict(bank="train", query="test"), layout=layout)
    source = make_store(clips)
    plain, disk = (SkeletonDataset(source, pipeline, cache=cache, **settings) for cache in (False, "disk"))
    for rows in ([7, 0, 3, 3], [0, 2], range(12)):
        same_batch(plain.__getitems__(rows), disk.__getitems__(rows))
    same_view(plain[-1]["inputs"]["skeleton"], disk[-1]["inputs"]["skeleton"])
    disk.__getitems__([0])["inputs"]["skeleton"].data.zero_()  # a batch is the caller's own
    same_batch(plain.__getitems__([0]), disk.__getitems__([0]))


def test_absent_persons_take_no_room(make_store, clips):
    source = make_store(clips)
    SkeletonDataset(source, [*FIXED[:-1], dict(type="PackSkeleton", num_persons=2)], cache="disk")
    (name,) = entries()
    there = sum(len(clip) for clip in clips)
    assert np.load(cache_root() / name / "clips.npy", mmap_mode="r").shape == (1 + there, 8, 20, 3)


def test_splits_share_what_was_packed_once(make_store, clips, monkeypatch):
    source = make_store(clips)
    SkeletonDataset(source, FIXED, split="train", cache="disk")
    monkeypatch.setattr(clip_cache, "_write", no_packing)
    test = SkeletonDataset(StoreSource(source.folder), FIXED, split="test", cache="disk")
    assert test.names == ["clip08", "clip09", "clip10", "clip11"]
    same_batch(test.__getitems__([1, 2]), SkeletonDataset(source, FIXED, split="test").__getitems__([1, 2]))
    assert len(entries()) == 1


def test_what_changes_the_clips_makes_a_new_cache(make_store, clips, monkeypatch):
    def names_after(source, pipeline=FIXED, **settings):
        before = set(entries())
        SkeletonDataset(source, pipeline, cache="disk", **settings)
        return len(set(entries()) - before)

    source = make_store(clips)
    assert names_after(source) == 1
    assert names_after(source, seed=3, split="test") == 0
    assert names_after(source, [FIXED[0], dict(type="ResizeClip", length=9), FIXED[2]]) == 1
    assert names_after(source, layout="sbu15") == 1
    assert names_after(make_store(clips[:11], overwrite=True)) == 1
    transforms = [TRANSFORMS.build(t) for t in FIXED]
    before = pipeline_key(transforms, FIXED)
    other = Path(inspect.getfile(temporal))
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda file: read(file) + (b"# changed" if file == other else b""))
    assert pipeline_key(transforms, FIXED) != before


def test_a_change_of_the_module_of_a_transform_from_elsewhere_changes_the_key(tmp_path, monkeypatch):
    module = tmp_path / "mine_for_the_key.py"
    module.write_text("class Mine:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    transforms = [importlib.import_module("mine_for_the_key").Mine()]
    before = pipeline_key(transforms, [])
    (tmp_path / "other.py").touch()
    assert pipeline_key(transforms, []) == before
    module.write_text("class Mine:\n    length = 3\n")
    assert pipeline_key(transforms, []) != before


def test_workers_read_the_same(make_store, clips):
    """Forked ones, and spawned ones, which get a pickle; the map is not in it."""
    dataset = SkeletonDataset(make_store(clips), FIXED, cache="disk")
    expected, names, _ = fetch(dataset)
    found, found_names, _ = fetch(dataset, num_workers=2)
    assert found_names == names
    assert all(torch.equal(a, b) for a, b in zip(found, expected))
    pickled = pickle.dumps(dataset._disk)
    assert len(pickled) < 3000 < (dataset._disk.path / "clips.npy").stat().st_size
    torch.testing.assert_close(pickle.loads(pickled).take(np.arange(12)), dataset._disk.take(np.arange(12)))


def test_bad_clips_are_replaced_as_without_a_cache(make_store, clips, logged):
    clips[4] = np.zeros_like(clips[4])
    clips[9] = np.zeros_like(clips[9])
    source = make_store(clips)
    settings = dict(roles=dict(bank="train", query="test"), max_bad_share=0.2)
    plain, disk = (SkeletonDataset(source, FIXED, cache=cache, **settings) for cache in (False, "disk"))
    same_batch(plain.__getitems__(range(12)), disk.__getitems__(range(12)))
    assert disk.bad_items() == plain.bad_items() == ["clip04", "clip09"]
    assert any("clip09: all 46 frames are empty" in line for line in logged)
    with pytest.raises(DataError, match=r"2 of 12 clips are bad.*clip09: all 46 frames are empty. Bad: clip04, clip09"):
        SkeletonDataset(source, FIXED, cache="disk")
    assert SkeletonDataset(source, FIXED, split=dict(view=3), cache="disk").bad_items() == []


@pytest.mark.parametrize(
    ("pipeline", "error", "message"),
    [
        (RANDOM, ConfigError, "draws random numbers"),
        ([dict(type="PackSkeleton")], DataError, r"one shape, but clip clip01 has \(T, V, C\).*ResizeClip"),
        ([ResizeClip(4), dict(type="PackSkeleton")], ConfigError, "by its configs.*ResizeClip objects"),
    ],
)
def test_what_cannot_be_kept_is_told(make_store, clips, pipeline, error, message):
    source = make_store(clips)
    with pytest.raises(error, match=message):
        SkeletonDataset(source, pipeline, cache="disk")
    assert entries() == []
    assert not list(cache_root().glob(".*.part"))


def test_sources_and_values_that_do_not_fit(clips):
    with pytest.raises(ConfigError, match=r"Memory names none; write it as a store.*to_store"):
        SkeletonDataset(Memory(clips), FIXED, cache="disk")
    with pytest.raises(ConfigError, match="give True, False or 'disk'"):
        SkeletonDataset(Memory(clips), FIXED, cache="dsik")


def _open(root, cache, counter, delay):
    os.environ["MMSYNC_CACHE"] = str(cache)
    write = clip_cache._write

    def counted(*args):
        with counter.get_lock():
            counter.value += 1
        time.sleep(delay)
        write(*args)

    clip_cache._write = counted
    dataset = DATASETS.build(
        dict(type="SkeletonDataset", source=dict(type="StoreSource", root=root), pipeline=FIXED, cache="disk")
    )
    assert len(dataset.__getitems__([0, 1])["data_samples"]) == 2


def test_ranks_that_start_together_write_once(make_store, clips, tmp_path):
    context, root = get_context("fork"), str(make_store(clips).folder)
    counter = context.Value("i", 0)
    ranks = [context.Process(target=_open, args=(root, tmp_path / "cache", counter, 0.3)) for _ in range(3)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join()
    assert [rank.exitcode for rank in ranks] == [0, 0, 0]
    assert counter.value == 1


def test_a_kill_in_the_middle_leaves_no_half_cache(make_store, clips, tmp_path):
    context, root = get_context("fork"), str(make_store(clips).folder)
    counter = context.Value("i", 0)
    killed = context.Process(target=_open, args=(root, tmp_path / "cache", counter, 60))
    killed.start()
    deadline = time.monotonic() + 30
    while not counter.value and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    assert list((tmp_path / "cache").glob(".*.part"))
    assert not entries()
    _open(root, tmp_path / "cache", counter, 0)
    assert len(entries()) == 1
    assert not list((tmp_path / "cache").glob(".*.part"))


def test_a_quick_sample_is_a_sample():
    quick = MotionSample.quick(2, dict(name="a", view=3))
    slow = MotionSample(metainfo=dict(name="a", view=3))
    slow.set_data(dict(gt_label=2))
    quick.feature = slow.feature = torch.ones(2)
    assert quick.metainfo == slow.metainfo
    assert set(quick.keys()) == set(slow.keys()) == {"gt_label", "feature"}
    assert quick.clone().gt_label == 2
