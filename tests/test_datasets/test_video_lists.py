"""Lists of clips as they are published, in small; their quirks, their folds, their mistakes."""

from __future__ import annotations

import pytest

from mmsync.converters.found_boxes import read_ava
from mmsync.datasets.sources.clips import lists
from mmsync.errors import ConfigError, DataError


def test_path_and_label_from_the_right(tmp_path):
    file = tmp_path / "list.txt"
    file.write_text("a b/clip 7.avi 3\r\nc.mp4 12\n\n")
    found = lists.read_list(file)
    assert (found.paths, found.labels.tolist(), found.num_frames) == (["a b/clip 7.avi", "c.mp4"], [3, 12], None)
    file.write_text("x/y.mp4,5\n")
    assert lists.read_list(file).paths == ["x/y.mp4"]
    file.write_text("a/take 1 120 4\nb 90 5")
    found = lists.read_list(file)
    assert (found.paths, found.num_frames.tolist(), found.labels.tolist()) == (["a/take 1", "b"], [120, 90], [4, 5])
    file.write_text("a.mp4 x\n")
    with pytest.raises(DataError, match="line 1"):
        lists.read_list(file)
    file.write_text("\n")
    with pytest.raises(DataError, match="no clip in it"):
        lists.read_list(file)


def test_kinetics_rows_and_the_spellings_of_their_folders(tmp_path):
    file = tmp_path / "k.csv"
    file.write_text(
        "label,youtube_id,time_start,time_end,split,is_cc\n"
        "playing cards,-abc,7,17,train,0\npassing (not ball),x_y,12,22,train,0\nzumba,q,1,11,val,0\n"
    )
    found = lists.read_kinetics(file, "train")
    assert found.class_names == ["passing (not ball)", "playing cards", "zumba"]  # a class has one number in all splits
    assert lists.read_kinetics(file, "val").labels.tolist() == [2]
    assert found.labels.tolist() == [1, 0]
    assert found.paths[0] == "train/playing cards/-abc_000007_000017.mp4"
    for folder in ("playing_cards", "passing_(not_ball)"):
        (tmp_path / "train" / folder).mkdir(parents=True)
    there = tmp_path / "train/passing_(not_ball)/x_y_000012_000022.mp4"
    there.touch()
    assert lists.find_kinetics(tmp_path, found.paths) == {found.paths[1]: there}
    with pytest.raises(DataError, match="no known class"):
        lists.read_kinetics(file, class_names=["zumba"])
    with pytest.raises(DataError, match="no row of split 'tset'"):
        lists.read_kinetics(file, "tset")
    with pytest.raises(DataError, match=r"none\.csv cannot be read"):
        lists.read_kinetics(tmp_path / "none.csv")
    file.write_text("label,id\na,b\n")
    with pytest.raises(DataError, match="line 2"):
        lists.read_kinetics(file)


def test_ucf101_labels_come_from_the_list_and_from_the_folder(tmp_path):
    (tmp_path / "classInd.txt").write_text("1 ApplyEyeMakeup\n2 Archery\n")
    (tmp_path / "trainlist02.txt").write_text(
        "Archery/v_Archery_g01_c01.avi 2\nApplyEyeMakeup/v_ApplyEyeMakeup_g09_c02.avi 1\n"
    )
    (tmp_path / "testlist02.txt").write_text("Archery/v_Archery_g25_c01.avi\n")
    train, test = (lists.read_ucf101(tmp_path, 2, split) for split in ("train", "test"))
    assert train.labels.tolist() == [1, 0]
    assert test.labels.tolist() == [1]
    assert train.fold == test.fold == "ucf101/2"
    (tmp_path / "trainlist02.txt").write_text("Archery/v_Archery_g01_c01.avi 1\n")
    with pytest.raises(DataError, match="line 1"):
        lists.read_ucf101(tmp_path, 2, "train")
    with pytest.raises(ConfigError, match="folds are 1, 2, 3"):
        lists.read_ucf101(tmp_path, 4, "train")
    with pytest.raises(DataError, match=r"testlist01\.txt"):
        lists.read_ucf101(tmp_path, 1, "test")


def test_hmdb51_marks_train_test_and_neither(tmp_path):
    odd = "#20_(R)_[x]!_wave & go;1.avi"
    (tmp_path / "wave_test_split1.txt").write_text(f"{odd} 1 \nb.avi 2 \nc.avi 0 \n")
    (tmp_path / "brush_hair_test_split1.txt").write_text("d.avi 2 \n")
    train, test = (lists.read_hmdb51(tmp_path, 1, split) for split in ("train", "test"))
    assert train.class_names == ["brush_hair", "wave"]
    assert (train.paths, train.labels.tolist()) == ([f"wave/{odd}"], [1])
    assert (test.paths, test.labels.tolist()) == (["brush_hair/d.avi", "wave/b.avi"], [0, 1])
    (tmp_path / "wave_test_split1.txt").write_text("b.avi 3\n")
    with pytest.raises(DataError, match="line 1"):
        lists.read_hmdb51(tmp_path, 1, "test")


def test_ava_rows_of_one_person_are_one_box(tmp_path):
    file = tmp_path / "ava.csv"
    file.write_text(
        "v,0902,0.1,0.2,0.5,0.9,12,0\nv,0902,0.1,0.2,0.5,0.9,17,0\nv,0903,0.1,0.2,0.6,0.9,12,0\nw,1,0,0,1,1,3,7\n"
    )
    found = read_ava(file)
    assert found["v"].seconds.tolist() == [902, 903]
    assert found["v"].actions == [[12, 17], [12]]
    assert found["w"].person.tolist() == [7]
    file.write_text("v,0902,10,20,50,90,12,0\n")
    with pytest.raises(DataError, match=r"\[0, 1\]"):
        read_ava(file)
