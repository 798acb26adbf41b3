"""Whole sequences as samples: padding, phases in tables, repeats, subsets, and bad sequences by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from mmsync.datasets import SequenceDataset
from mmsync.datasets.samplers import EpochSampler, GroupBatchSampler
from mmsync.datasets.sources import Record, RecordSource
from mmsync.errors import ConfigError, DataError
from mmsync.registry import DATASETS
from mmsync.structures import FeatureTable
from mmsync.testing import check_dataset

RNG = np.random.default_rng(0)


class Source(RecordSource):
    """Sequences ``(T, 3, 2)`` that show activity, number and frame."""

    def __init__(self, records):
        self.fill(records, "own", phases={"cut": ["a", "b"]})


def frames(number: int, length: int) -> np.ndarray:
    out = np.zeros((length, 3, 2), np.float32)
    out[:, 0, 0], out[:, 0, 1] = number, np.arange(length)
    return out


def record(number: int, length: int = 6, activity: str = "cut", split: str = "train", **changes) -> Record:
    given = dict(frames=frames(number, length), phase=(np.arange(length) >= 3).astype(np.int64))
    return Record(f"{activity}{number}", activity, split, **{**given, **changes})


def make(records, **options) -> SequenceDataset:
    return SequenceDataset(Source(records), **{"max_bad_share": 0.5, **options})


def many(count: int = 10) -> list[Record]:
    return [
        record(i, 5 + i, activity, split)
        for split in ("train", "val")
        for activity in ("pour", "cut")
        for i in range(count)
        if (split == "val") == (i % 5 == 4)
    ]


def test_samples_are_padded_to_the_longest_of_a_batch():
    dataset = make(many(), split="train")
    check_dataset(dataset)
    assert DATASETS.get("SequenceDataset") is SequenceDataset
    lengths = []
    for batch in DataLoader(dataset, batch_size=3, collate_fn=dataset.collate):
        view = batch["inputs"]["sequence"]
        own = [len(sample.phase) for sample in batch["data_samples"]]
        assert view.data.shape == (len(own), max(own), 3, 2)
        assert (view.present, view.index) == (None, None)
        for row, valid, length in zip(view.data, view.valid, own):
            assert valid.tolist() == [True] * length + [False] * (max(own) - length)
            assert row[:length, 0, 1].tolist() == list(range(length))
            assert not row[length:].any()
        lengths += own
    assert lengths == [5 + i for _ in range(2) for i in range(10) if i % 5 != 4]


def test_phases_reach_a_table_as_one_tensor_for_each_row():
    """Also where a batch has one length, for which a table stacks them: the lengths of batches differ all the same."""
    records = [record(0, 6), record(1, 6), record(2, 8), record(3, 8), record(4, 5), record(5, 9)]
    dataset = make(records)
    parts = [FeatureTable.of_samples(dataset.__getitems__(rows)["data_samples"]) for rows in ([0, 1], [2, 3], [4, 5])]
    assert [isinstance(part["phase"], torch.Tensor) for part in parts] == [True, True, False]
    joined = FeatureTable.cat(parts)
    for table in (joined, FeatureTable.cat(parts[:1]), FeatureTable.cat(parts[:2])):
        expected = [r.phase.tolist() for r in records[: len(table)]]
        assert [row.tolist() for row in table.ragged("phase")] == expected
    with pytest.raises(DataError, match="there is no such column"):
        joined.ragged("feature")
    with pytest.raises(DataError, match="'name' has to hold tensors"):
        joined.ragged("name")
    with pytest.raises(DataError, match="'label' has to hold tensors"):
        joined.ragged("label")


def test_a_table_of_phases_is_saved_and_loaded(tmp_path):
    table = FeatureTable.of_samples(make([record(0, 6), record(1, 8)]).__getitems__([0, 1])["data_samples"])
    table.save(tmp_path / "t.npz")
    assert [row.tolist() for row in FeatureTable.load(tmp_path / "t.npz").ragged("phase")] == [
        row.tolist() for row in table.ragged("phase")
    ]


def test_no_phases_are_needed_and_those_that_lack_are_unknown(logged):
    sample = make([record(0, phase=None)]).__getitems__([0])["data_samples"][0]
    assert not hasattr(sample, "phase")
    dataset = make([record(0, phase=None), record(1)], background="drop")
    assert dataset[0]["data_samples"].phase.tolist() == [-1] * 6, "nothing says that these are background"
    assert "1 of 2 sequences have no phases, and get -1: cut0" in "\n".join(logged)


def test_repeats_are_samples_of_their_own():
    dataset = make(many(), split="val", repeats=3)
    assert dataset.names == [name for name in ("pour4", "pour9", "cut4", "cut9") for _ in range(3)]
    draws = {float(dataset.generator(i).random()) for i in range(len(dataset))}
    assert len(draws) == 12
    sampler = GroupBatchSampler(EpochSampler(dataset, shuffle=True), batch_size=4, by="label", per_group=2)
    assert sorted({i for batch in sampler for i in batch}) == list(range(12))


def test_activities_and_fractions_take_the_first_of_each_split():
    roles = dict(bank="train", query="val")
    first = [0, 1, 2, 3, 5, 6, 7, 8]
    for fraction, bank, query in ((0.5, first[:4], [4]), (0.1, [0], [4]), (1.0, first, [4, 9])):
        dataset = make(many(), roles=roles, fraction=fraction)
        expected = [f"{activity}{i}" for rows in (bank, query) for activity in ("pour", "cut") for i in rows]
        assert dataset.names == expected
    dataset = make(many(), roles=roles, activities=["Cut"], fraction=0.5, indices=2)
    assert (dataset.names, dataset.num_classes) == (["cut0", "cut1"], 2)
    assert dataset.labels.tolist() == [0, 0]
    assert make(many(), activities=["pour"], split="val").labels.tolist() == [1, 1], "labels are those of the source"
    with pytest.raises(ConfigError, match="SequenceDataset: no activity 'cit'; did you mean 'cut'"):
        make(many(), activities=["cit"])
    with pytest.raises(DataError, match="no sequence of pour in the splits"):
        make([record(0), record(1, activity="pour", split="val")], split="train", activities=["pour"])


def test_long_sequences_keep_their_whole_activity():
    sample = make([record(0, 10)], max_frames=4)[0]
    assert sample["inputs"]["sequence"].data[:, 0, 1].tolist() == [0, 2, 5, 7]
    assert sample["data_samples"].phase.tolist() == [0, 0, 1, 1]


def test_background_and_invalid_frames_are_left_out():
    given = record(0, 8, phase=np.array([-1, 0, 0, -1, 1, 1, 1, -1]), valid=np.arange(8) != 5)
    for background, kept in (("keep", [0, 1, 2, 3, 4, 6, 7]), ("drop", [1, 2, 4, 6])):
        sample = make([given], background=background)[0]
        assert sample["inputs"]["sequence"].data[:, 0, 1].tolist() == kept
        assert sample["data_samples"].phase.tolist() == [int(given.phase[i]) for i in kept]
        assert sample["inputs"]["sequence"].valid.all()


def broken(**changes) -> Record:
    return record(9, **changes)


def with_nan() -> np.ndarray:
    values = frames(9, 6)
    values[4, 1, 0] = np.nan
    return values


BAD = {
    "one frame": (broken(length=1), "cut9: 1 of 1 frames can be used, min_frames=2$"),
    "no frame": (broken(length=0), "cut9: 0 of 0 frames can be used"),
    "all invalid": (broken(valid=np.zeros(6, bool)), "0 of 6 frames can be used, min_frames=2; others are invalid"),
    "all background": (
        broken(phase=np.full(6, -1)),
        "0 of 6 frames can be used, min_frames=2; others are",
    ),
    "phases too short": (broken(phase=np.zeros(5, int)), "cut9: 5 phases for 6 frames; give one for each frame"),
    "NaN": (broken(frames=with_nan()), "cut9: NaN or infinity in 1 of 6 frames, first in 4"),
    "other joints": (broken(frames=np.zeros((6, 4, 2))), r"cut9: frames are \(4, 2\), but \(3, 2\) in the first"),
    "one number a frame": (broken(frames=np.zeros(6)), r"cut9: the sequence is \(6,\); give \(T, F\), or \(T, V, C\)"),
    "phases are no numbers": (broken(phase=np.array(list("abcdef"))), "cut9: phases are <U1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_sequences_are_named_and_replaced(case):
    bad, message = BAD[case]
    dataset = make([record(0), record(1), bad], background="drop")
    sample = dataset[2]["data_samples"]
    assert (sample.index, sample.name) in ((2, "cut0"), (2, "cut1"))
    assert dataset.bad_items() == ["cut9"]
    assert len(dataset.failures.reasons) == 1
    with pytest.raises(DataError, match=message):
        raise DataError(dataset.failures.reasons[0])
    with pytest.raises(DataError, match=r"1 of 3 sequences are bad, max_bad_share=0\.01 allows 0"):
        make([record(0), record(1), bad], background="drop", max_bad_share=0.01)[2]


def test_phases_that_go_back_are_told_once(logged):
    dataset = make([record(0), record(1, phase=np.array([0, 1, -1, 1, 0, 1])), record(2, phase=np.array([0] * 6))])
    told = [line for line in logged if "go back" in line]
    assert len(told) == 1
    assert "phases go back in 1 of 3 sequences, as they may in activities that repeat: cut1" in told[0]
    assert dataset[1]["data_samples"].phase.tolist() == [0, 1, -1, 1, 0, 1]
    assert dataset.bad_items() == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(repeats=0), "repeats=0"),
        (dict(min_frames=5, max_frames=4), "no max_frames below min_frames"),
        (dict(background="cut"), "background='cut'; use 'keep' or 'drop'"),
        (dict(fraction=0.0), r"fraction=0.0: give a share in \(0, 1\]"),
        (dict(repeats=2, test_mode=True), "set repeats=1"),
    ],
)
def test_arguments_out_of_range_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make([record(0)], **options)


def test_metainfo_has_what_tools_draw_and_name_by():
    info = make(many()).metainfo
    assert {key: info[key] for key in ("classes", "phases", "joints", "layout", "num_classes")} == dict(
        classes=["cut", "pour"], phases={"cut": ["a", "b"]}, joints=(3, 2), layout=None, num_classes=2
    )


@pytest.mark.realdata
def test_the_configs_of_penn_action_read_all_of_it(data_root):
    from mmsync.config import load

    cfg = load("configs/_base_/datasets/penn_alignment.py")
    dataset = DATASETS.build(cfg.val_dataloader.dataset.to_dict())
    list(dataset.read_all())
    assert (len(dataset), dataset.bad_items()) == (654, [])
    assert (len(dataset.items("bank")), len(dataset.items("query"))) == (358, 296)
    train = cfg.train_dataloader.dataset.to_dict()
    assert len(DATASETS.build(dict(train, repeats=2, fraction=0.1))) == 2 * (11 + 8 + 5 + 10)


CASA = [("ikea", "kallax_shelf_drawer", (17, 3)), ("h2o", "pouring_milk", (102,))]


@pytest.mark.parametrize(("name", "activity", "width"), CASA)
def test_the_configs_of_casas_archives_read_such_files(tmp_path, name, activity, width):
    from mmsync.config import load

    for split in ("train", "val"):
        poses = [RNG.normal(size=(6 + i, *width)) for i in range(2)]
        items = {f"{split}{i}": dict(pose=pose, labels=np.arange(len(pose)) // 2) for i, pose in enumerate(poses)}
        np.save(tmp_path / f"{activity}_{split}.npy", items, allow_pickle=True)
    cfg = load(f"configs/_base_/datasets/{name}_alignment.py")
    settings = cfg.val_dataloader.dataset.to_dict()
    settings["source"]["data_root"] = str(tmp_path)
    dataset = DATASETS.build(settings)
    batch = dataset.__getitems__([0, 1, 2, 3])
    dropped = 2 if name == "ikea" else 0
    assert batch["inputs"]["sequence"].valid.sum(1).tolist() == [6 - dropped, 7 - dropped] * 2
    assert batch["data_samples"][0].phase.tolist() == np.repeat(range(3 - dropped // 2), 2).tolist()
