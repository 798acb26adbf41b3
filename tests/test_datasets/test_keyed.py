"""The contract of every kind of data set, and two kinds of its own that the test folder adds in few lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import toy_audio_visual
import toy_sequences
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader

from mmsync.datasets import KeyedDataset, Kind, PairDataset, SkeletonDataset, VideoDataset
from mmsync.datasets.kinds import apportion, shares_of
from mmsync.datasets.samplers import EpochSampler, GroupBatchSampler
from mmsync.datasets.sources import ClipSource, SkeletonSource, SkeletonTrackSource
from mmsync.engine.runner import MotionRunner
from mmsync.errors import ConfigError, DataError, ProtocolError
from mmsync.registry import DATASETS
from mmsync.structures import SkeletonLayout, View

N = 12


class Clips(SkeletonSource):
    """Two people of joints that say clip, person and frame."""

    layout, num_coords, class_names = SkeletonLayout.get("sbu15"), 3, ["a", "b"]

    def __init__(self, bad=()):
        self.names, self.bad = [f"c{i:02d}" for i in range(N)], bad
        self.labels = np.arange(N) % 2
        self.attributes = {"activity": np.arange(N) // 4}
        self.splits = {"train": self.names[: 2 * N // 3], "test": self.names[2 * N // 3 :]}

    def load(self, index):
        if self.names[index] in self.bad:
            raise OSError(f"{self.names[index]}: gone")
        clip = np.ones((2, 12, 15, 3), np.float32)
        clip[..., 0], clip[..., 1] = index + 1, np.arange(12)[None, :, None]
        return clip


class Tracks(SkeletonTrackSource):
    """The same as tracks; files turn bad after the people were found."""

    def __init__(self, bad=()):
        clips = Clips()
        super().__init__(clips, fps=15)
        clips.bad = bad


class Films(ClipSource):
    """Pictures that say clip and time."""

    class_names = ["a", "b"]

    def __init__(self, bad=()):
        facts = Clips(bad)
        self.names, self.labels, self.attributes, self.splits = (
            facts.names,
            facts.labels,
            facts.attributes,
            facts.splits,
        )
        self.bad = bad
        row = dict(status="ok", start=0.0, duration=2.0, rate=25.0, width=16, height=12)
        self.rows = [dict(row) for _ in range(N)]

    def read(self, index, times, size, crop=None):
        if self.names[index] in self.bad:
            raise DataError(f"{self.names[index]}: corrupt")
        out = np.full((len(times), size, size, 3), index, np.uint8)
        out[..., 1] = np.round(25 * times)[:, None, None]
        return out


PIPELINE = [dict(type="CropResize", length=6, min_frames=2), dict(type="PackSkeleton")]
MAKE = {
    "skeletons": lambda bad, **more: SkeletonDataset(Clips(bad), PIPELINE, **more),
    "videos": lambda bad, **more: VideoDataset(Films(bad), window=4, size=8, **more),
    "pairs": lambda bad, **more: PairDataset(
        Tracks(bad), dict(positive=1, easy=2), window=5, size=20, placement="any", **more
    ),
    "audio-visual": lambda bad, **more: toy_audio_visual.ToyAudioVisualDataset(
        dict(type="ToyAudioVisualSource", n=N, bad=bad), dict(positive=1, shifted=1, easy=1), size=20, **more
    ),
    "sequences": lambda bad, **more: toy_sequences.ToySequenceDataset(toy_sequences.ToySequenceSource(N, bad), **more),
}
ROLES = dict(bank="train", query="test")


@pytest.fixture(params=MAKE)
def make(request):
    def make(bad=(), **more) -> KeyedDataset:
        names = {"audio-visual": "v", "sequences": "s"}
        return MAKE[request.param](tuple(f"{names.get(request.param, 'c')}{i:02d}" for i in bad), **more)

    return make


def flat(batches):
    """The content of batches, to be compared."""
    return [
        (name, None if part is None else part.tolist())
        for batch in batches for name, view in batch["inputs"].items() for part in view
    ] + [(s.gt_label, s.metainfo) for batch in batches for s in batch["data_samples"]]  # fmt: skip


def load(dataset, workers=0, **more):
    return list(DataLoader(dataset, batch_size=5, collate_fn=dataset.collate, num_workers=workers, **more))


def test_a_misspelt_argument_is_refused(make):
    with pytest.raises(TypeError, match="max_bad_sahre"):
        make(max_bad_sahre=0.1)


# ------------------------------------------------------------------------------------------------ samples and batches


def test_batches_are_views_by_name_with_samples_in_order(make):
    dataset = make()
    batch = dataset.__getitems__(range(len(dataset)))
    assert all(isinstance(view, View) and len(view.data) == len(dataset) for view in batch["inputs"].values())
    samples = batch["data_samples"]
    assert [s.index for s in samples] == list(range(len(dataset)))
    assert [s.name for s in samples] == dataset.names
    assert [s.role for s in samples] == dataset.roles == ["train"] * len(dataset)
    assert dataset.labels.shape == (len(dataset),)
    assert dataset.collate(batch) is batch
    assert {"num_classes", "classes", "fold"} <= set(dataset.metainfo)


def test_a_sample_is_a_batch_of_one(make):
    dataset = make()
    one, batch = dataset[-2], dataset.__getitems__([len(dataset) - 2])
    for name, view in batch["inputs"].items():
        for a, b in zip(one["inputs"][name], view):
            assert (a is None) == (b is None)
            assert a is None or torch.equal(a, b[0])
    assert one["data_samples"].metainfo == batch["data_samples"][0].metainfo
    with pytest.raises(IndexError):
        dataset[len(dataset)]


def test_shorter_samples_are_filled_up_and_marked():
    dataset = toy_sequences.ToySequenceDataset(dict(type="ToySequenceSource", n=N), keep=1.0)
    view = dataset.__getitems__([0, 9])["inputs"]["sequence"]
    assert view.data.shape == (2, 14, 3)
    assert view.valid.sum(1).tolist() == [5, 14]
    assert not view.data[0, 5:].any()
    assert view.index[1].tolist() == list(range(14))
    assert dataset[9]["data_samples"].frame_labels == [0] * 3 + [1] * 11


# ------------------------------------------------------------------------------------------------ randomness


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_the_same_samples_for_any_number_of_workers(make, start):
    dataset = make(seed=3)
    for at in (0, 1):
        dataset.set_epoch(at)
        wanted = flat(load(dataset))
        for workers in (2, 4) if start == "fork" else (2,):
            assert flat(load(dataset, workers, multiprocessing_context=start)) == wanted
        if start == "spawn":
            break


def test_draws_depend_on_seed_and_epoch_unless_it_is_a_test_set(make):
    dataset = make(seed=0)
    first = flat(load(dataset))
    assert first == flat(load(dataset)) == flat(load(make(seed=0)))
    assert first != flat(load(make(seed=1)))
    dataset.set_epoch(1)
    assert first != flat(load(dataset))
    fixed = make(test_mode=True)
    before = flat(load(fixed))
    fixed.set_epoch(1)
    assert flat(load(fixed)) == before


def test_persistent_workers_see_the_epoch(make):
    dataset = make()
    loader = DataLoader(dataset, 5, collate_fn=dataset.collate, num_workers=2, persistent_workers=True)
    for at in (0, 1, 0):
        dataset.set_epoch(at)
        assert flat(loader) == flat(load(dataset))


def test_a_resumed_pass_continues_where_it_stopped(make):
    def run(skip):
        dataset = make()
        sampler = EpochSampler(dataset, seed=0)
        sampler.set_epoch(2)
        sampler.skip(skip)
        return load(dataset, 2, sampler=sampler)

    assert flat(run(10)) == flat(run(0)[2:])


# ------------------------------------------------------------------------------------------------ which items, and bad


def test_roles_keep_to_their_splits(make):
    dataset = make(roles=ROLES)
    seen = {role: set() for role in ROLES}
    for sample in dataset.__getitems__(range(len(dataset)))["data_samples"]:
        seen[sample.role] |= {sample.name, getattr(sample, "other", sample.name)}
    for role, split in ROLES.items():
        assert seen[role] <= set(dataset.source.splits[split])
        assert set(dataset.items(role)) == {dataset.source.names.index(name) for name in dataset.source.splits[split]}
    with pytest.raises(ConfigError, match="not both"):
        make(split="train", roles=ROLES)
    with pytest.raises(ProtocolError, match="did you mean 'train'"):
        make(split="trian")
    part = make(split=dict(activity=1))
    assert {part.source.names.index(name) for name in part.names} <= {4, 5, 6, 7}


def test_bad_items_are_counted_and_replaced_always_by_the_same(make):
    dataset, again = make(bad=(1, 9), max_bad_share=0.2, roles=ROLES), make(bad=(1, 9), max_bad_share=0.2, roles=ROLES)
    batches = load(dataset, 2)
    bad = [dataset.source.names[i] for i in (1, 9)]
    assert dataset.bad_items() == bad, "of all workers"
    again[0], again[3]
    assert flat(load(again)) == flat(batches), "whatever was read before"
    samples = [s for batch in batches for s in batch["data_samples"]]
    assert [s.index for s in samples] == list(range(len(dataset)))
    for sample in samples:
        assert not {sample.name, getattr(sample, "other", "")} & set(bad)
        assert sample.name in dataset.source.splits[ROLES[sample.role]]
    assert [s.role for s in samples] == dataset.roles


def test_too_many_bad_items_stop_the_run_with_a_list(make):
    dataset = make(bad=(1, 2), max_bad_share=0.1)
    with pytest.raises(DataError, match=r"2 of 12 \w+ are bad, max_bad_share=0.1 allows 1.*Bad: .01, .02") as caught:
        dataset.__getitems__(range(len(dataset)))
    assert isinstance(caught.value.__cause__, (DataError, OSError))


def test_items_that_are_known_to_be_bad_are_left_out():
    class Indexed(Films):
        def problem(self, index):
            return f"{self.names[index]}: corrupt" if index == 3 else None

    dataset = VideoDataset(Indexed(), window=4, size=8, max_bad_share=0.1)
    assert dataset.bad_items() == ["c03"]
    assert "c03" not in dataset.names


# ------------------------------------------------------------------------------------------------ kinds, groups, folds


@pytest.mark.parametrize("name", ["pairs", "audio-visual"])
def test_kinds_and_their_mix_are_the_data_sets_own(name):
    dataset = MAKE[name](())
    kinds = [kind.name for kind in dataset.kinds]
    assert kinds[0] == "positive"
    dataset.set_mix({"positive": 1, "easy": 4})
    samples = dataset.__getitems__(range(20))["data_samples"]
    assert sorted(s.kind for s in samples) == ["easy"] * 16 + ["positive"] * 4
    assert all(s.positive == (s.kind == "positive") for s in samples)
    with pytest.raises(ConfigError, match="no kind 'esay'; did you mean 'easy'"):
        dataset.set_mix({"esay": 1})
    with pytest.raises(ConfigError, match="draws its samples anew"):
        dataset.column("name")


def test_a_kind_that_the_data_lack_is_an_error_or_shared_out():
    mix, short = dict(positive=1, shifted=1, easy=2), dict(type="ToyAudioVisualSource", frames=7)
    with pytest.raises(
        DataError, match="asks for shifted samples, but there is none; available: positive 12, shifted 0"
    ):
        toy_audio_visual.ToyAudioVisualDataset(short, mix, size=20)
    dataset = toy_audio_visual.ToyAudioVisualDataset(short, mix, size=20, redistribute=True)
    assert dataset.counts(mix, "train") == {"positive": 5, "easy": 15}


def test_a_mix_may_have_several_positive_kinds():
    kinds = (Kind("far"), Kind("same", positive=True), Kind("near"), Kind("copy", positive=True))
    shares = shares_of(dict(same=1, copy=2, far=3, near=4), kinds)
    assert shares.tolist() == [0.3, 0.1, 0.4, 0.2]
    have = dict(far=5, same=5, near=5, copy=5)
    assert apportion(shares, kinds, 10, have) == {"far": 3, "same": 1, "near": 4, "copy": 2}
    assert apportion(shares, kinds, 10, {**have, "far": 0}, redistribute=True) == {"same": 1, "near": 7, "copy": 2}
    assert sum(apportion(shares, kinds, 7, have).values()) == 7
    for lacking in (dict(copy=0), dict(far=0, near=0)):
        with pytest.raises(DataError, match=f"asks for {', '.join(lacking)}"):
            apportion(shares, kinds, 10, {**have, **lacking}, redistribute=True)


def test_kinds_of_the_toy_are_what_they_say():
    dataset = MAKE["audio-visual"](())
    batch = dataset.__getitems__(range(20))
    video, audio = (batch["inputs"][name].data for name in ("video", "audio"))
    assert (video.shape, audio.shape) == ((20, 4, 2, 2, 3), (20, 2, 32))
    for sample, pictures, sound in zip(batch["data_samples"], video, audio):
        same = pictures[0, 0, 0, 0] == sound[0, 0]
        apart = abs(float(pictures[0, 0, 0, 1]) - float(sound[1, 0]))
        assert sample.kind == ("easy" if not same else "positive" if apart == 0 else "shifted")
        assert sample.kind != "shifted" or apart >= 4


def test_batches_by_an_attribute_of_the_source():
    dataset = MAKE["videos"](())
    sampler = GroupBatchSampler(EpochSampler(dataset, seed=0), 4, by="activity", per_group=2)
    loader = DataLoader(dataset, batch_sampler=sampler, collate_fn=dataset.collate)
    found = [[s.activity for s in batch["data_samples"]] for batch in loader]
    assert all(a == b != c == d for a, b, c, d in found)
    assert dataset.column("label").tolist() == dataset.labels.tolist()
    with pytest.raises(ConfigError, match="no column 'activty'; they have name, label, role, activity"):
        dataset.column("activty")


def test_the_runner_builds_a_loader_with_batches_by_group():
    toy = dict(type="ToySequenceDataset", source=dict(type="ToySequenceSource", n=N))
    loader = dict(
        dataset=toy, batch_size=4, num_workers=0, sampler=dict(type="EpochSampler"),
        batch_sampler=dict(type="GroupBatchSampler", by="activity", per_group=2),
    )  # fmt: skip
    init_default_scope("mmsync")
    built = MotionRunner.build_dataloader(loader, seed=5)
    assert built.batch_sampler.sampler.seed == 5
    for batch in built:
        a, b, c, d = (sample.activity for sample in batch["data_samples"])
        assert a == b != c == d
        assert batch["inputs"]["sequence"].valid.any(0).all()


def test_indices_and_subset_keep_some_items(make):
    assert len(MAKE["sequences"]((), indices=5)) == 5
    kept = MAKE["videos"]((), indices=[7, 2], test_mode=True, clips=3)
    assert kept.names == ["c07"] * 3 + ["c02"] * 3
    assert [kept[i]["data_samples"].clip for i in range(6)] == [0, 1, 2] * 2
    assert len(MAKE["videos"]((), subset=dict(share=0.5))) == 6


def test_the_fold_of_the_data_is_known():
    class Folds(Films):
        fold = "mine/1"

    for more, fold in ((dict(split="train"), "mine/1"), (dict(roles=ROLES), "mine/1"), ({}, "mine/all")):
        assert VideoDataset(Folds(), **more).metainfo["fold"] == fold


# ------------------------------------------------------------------------------------------------ size of a new kind


@pytest.mark.parametrize("module", [toy_audio_visual, toy_sequences])
def test_a_new_kind_needs_few_lines(module):
    assert len(Path(module.__file__).read_text().splitlines()) <= 120
    assert DATASETS.get("ToyAudioVisualDataset") is toy_audio_visual.ToyAudioVisualDataset
