"""Folders and lists of plain clips as their owners have them: what is listed, what is there, what can be used."""

from __future__ import annotations

import pytest

from mmsync.datasets import VideoDataset
from mmsync.datasets.sources import ClipFolderSource, ClipListSource, HMDB51Source, KineticsSource, UCF101Source
from mmsync.errors import ConfigError, DataError
from mmsync.media import build_index
from tests.clip_folders import write_clip, write_ucf101

pytest.importorskip("av")


@pytest.fixture
def logged(monkeypatch):
    lines: list[str] = []
    for name in ("clips", "video_lists"):
        monkeypatch.setattr(f"mmsync.datasets.sources.{name}.print_log", lambda text, **_: lines.append(text))
    return lines


def test_ucf101_as_extracted(tmp_path, logged):
    root = write_ucf101(tmp_path, groups=2)
    gone, empty = (f"Archery/v_Archery_g01_c0{c}.avi" for c in (1, 2))
    (root / "UCF-101" / gone).unlink()
    (root / "UCF-101" / empty).write_bytes(b"")
    source = UCF101Source(root)
    assert (source.class_names, source.fold) == (["Archery", "Basketball"], "ucf101/1")
    assert [len(source.splits[split]) for split in ("train", "test")] == [4, 3]
    assert source.labels.tolist() == [int(name.startswith("B")) for name in source.names]
    bad = [source.problem(i) for i in range(len(source)) if source.problem(i)]
    assert len(bad) == 1
    assert bad[0].startswith(f"{empty}: corrupt: ")
    text = "\n".join(logged)
    assert f"1 of 8 listed clips are not there, the first is {gone}" in text
    assert "UCF101 fold 1 train: the list has 4 clips, the published one 9537" in text
    assert UCF101Source(root, fold=2).splits["test"] == source.splits["train"]
    with pytest.raises(DataError, match=r"UCF101\.rar"):
        UCF101Source(tmp_path / "none")


def test_an_index_that_was_made_before_is_read(tmp_path):
    root = write_ucf101(tmp_path / "ucf", groups=2)
    index = tmp_path / "videos.jsonl"
    build_index(root / "UCF-101", index)
    assert len(UCF101Source(root, index_file=index)) == 8
    (root / "UCF-101/Archery/v_Archery_g01_c01.avi").write_bytes(b"x")
    with pytest.raises(DataError, match="have changed since they were indexed"):
        UCF101Source(root, index_file=index)


def test_hmdb51_with_its_names(tmp_path):
    odd = "#20_(R)_[x]!_wave & go;1.avi"
    lists = tmp_path / "testTrainMulti_7030_splits"
    lists.mkdir()
    for name, clip in (("wave", odd), ("brush_hair", "d.avi")):
        (lists / f"{name}_test_split1.txt").write_text(f"{clip} 1 \nb.avi 2 \n")
        for file in (clip, "b.avi", "unlisted.avi"):
            write_clip(tmp_path / "hmdb51_org" / name / file, frames=4)
    source = HMDB51Source(tmp_path)
    assert source.splits == {"train": ["brush_hair/d.avi", f"wave/{odd}"], "test": ["brush_hair/b.avi", "wave/b.avi"]}
    assert [source.problem(i) for i in range(len(source))] == [None] * 4
    assert source.load(source.names.index(f"wave/{odd}"), [0.0, 0.1], 48).shape == (2, 48, 48, 3)


def test_kinetics_in_folders_of_its_spellings(tmp_path, logged):
    (tmp_path / "k.csv").write_text(
        "label,youtube_id,time_start,time_end,split\n"
        "playing cards,-abc,7,17,train\nzumba,gone,1,11,train\nzumba,q,1,11,val\n"
    )
    write_clip(tmp_path / "train/playing_cards/-abc_000007_000017.mp4", frames=4)
    write_clip(tmp_path / "val/zumba/q_000001_000011.mp4", frames=4)
    source = KineticsSource(tmp_path, tmp_path / "k.csv")
    assert {split: len(names) for split, names in source.splits.items()} == {"train": 1, "val": 1}
    assert (source.labels.tolist(), source.fold) == ([0, 1], None)
    assert source.load(0, [0.0], 32).shape == (1, 32, 32, 3)
    assert any("1 of 3 listed clips are not there" in line for line in logged)


def test_lists_and_folders_of_ones_own(tmp_path, monkeypatch):
    for name in ("train/run/a 1.mp4", "train/walk/b.mp4", "val/walk/c.mp4"):
        write_clip(tmp_path / "clips" / name, frames=4)
    asked: list[object] = []
    monkeypatch.setattr(
        "mmsync.datasets.sources.clips.sources.build_index", lambda *a, **k: asked.append(a) or build_index(*a, **k)
    )
    source = ClipFolderSource(tmp_path / "clips")
    assert len(asked) == 1
    assert source.class_names == ["run", "walk"]
    assert source.splits == {"train": ["train/run/a 1.mp4", "train/walk/b.mp4"], "val": ["val/walk/c.mp4"]}
    assert source.labels.tolist() == [0, 1, 1]
    flat = ClipFolderSource(tmp_path / "clips" / "train")
    assert (flat.class_names, flat.splits, len(flat)) == (["run", "walk"], {}, 2)

    lists = {split: tmp_path / f"{split}.txt" for split in ("train", "test")}
    lists["train"].write_text("train/run/a 1.mp4 0\ntrain/walk/b.mp4 1\n")
    lists["test"].write_text("val/walk/c.mp4 1\n")
    source = ClipListSource(tmp_path / "clips", lists, fold="mine/1")
    settings = dict(window=2, size=16)
    assert VideoDataset(source, "train", **settings).metainfo["fold"] == "mine/1"
    assert VideoDataset(source, **settings).metainfo["fold"] == "mine/all"  # all clips, of training and test
    assert (source.splits["test"], source.fold) == (["val/walk/c.mp4"], "mine/1")
    with pytest.raises(ConfigError, match="'<data set>/<fold>'"):
        ClipListSource(tmp_path / "clips", lists, fold="1")
    with pytest.raises(ConfigError, match="list_file is empty"):
        ClipListSource(tmp_path / "clips", {})
    lists["test"].write_text("train/run/a 1.mp4 1\n")
    with pytest.raises(DataError, match=r"a 1\.mp4 has label 0 and, in the list of test, 1"):
        ClipListSource(tmp_path / "clips", lists)
    lists["test"].write_text("other.mp4 1\n")
    with pytest.raises(DataError, match="none of the 1 listed clips is there"):
        ClipListSource(tmp_path / "clips", {"test": lists["test"]})
    lists["test"].write_text("frames 40 1\n")
    with pytest.raises(DataError, match="folders of frames"):
        ClipListSource(tmp_path / "clips", {"test": lists["test"]})
    write_clip(tmp_path / "clips" / "stray.mp4", frames=4)
    with pytest.raises(DataError, match=r"stray\.mp4 is no <class>"):
        ClipFolderSource(tmp_path / "clips")
