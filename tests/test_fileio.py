"""The one rule for the place of data."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsync.config import check, load
from mmsync.converters.found_boxes import read_mot
from mmsync.converters.raw import read_lines
from mmsync.datasets.sources import NWUCLASource
from mmsync.errors import ConfigError, DataError
from mmsync.fileio import data_path, not_found, numbered_lines, read_text

ROOT = Path(__file__).parents[1]


def test_first_here_then_under_the_root(tmp_path, monkeypatch):
    here, root = tmp_path / "here", tmp_path / "root"
    (root / "sbu").mkdir(parents=True)
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.delenv("MMSYNC_DATA_ROOT", raising=False)
    assert data_path("data/sbu") == Path("data/sbu")
    assert not_found("data/sbu") == (
        f"data/sbu is neither in the current folder ({here}/data/sbu) nor under MMSYNC_DATA_ROOT, which is not set"
    )
    monkeypatch.setenv("MMSYNC_DATA_ROOT", str(root))
    assert data_path("data/sbu") == data_path("sbu") == root / "sbu"
    assert data_path("data/other") == Path("data/other")  # in neither place: as given, for messages
    assert not_found("data/other").endswith(f"nor under MMSYNC_DATA_ROOT ({root}/other)")
    (here / "data" / "sbu").mkdir(parents=True)
    assert data_path("data/sbu") == Path("data/sbu")
    assert data_path(root / "sbu") == root / "sbu"
    assert not_found("/no/such") == "/no/such does not exist"


def test_sources_and_the_check_follow_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MMSYNC_DATA_ROOT", str(tmp_path / "root"))
    config = ROOT / "configs/simclr/simclr_stgcn_ucla_xview.py"
    with pytest.raises(ConfigError, match=r"data_root .*nor under MMSYNC_DATA_ROOT \(.*root/nw-ucla\); --cfg-options"):
        check(load(config), files=True)
    with pytest.raises(DataError, match=r"NW-UCLA: .*nor under MMSYNC_DATA_ROOT \(.*root/nw-ucla\)"):
        NWUCLASource("data/nw-ucla")
    (tmp_path / "root" / "nw-ucla").mkdir(parents=True)
    check(load(config), files=True)
    with pytest.raises(DataError, match=r"no \*\.json under .*root/nw-ucla"):
        NWUCLASource("data/nw-ucla")


@pytest.mark.realdata
def test_configs_find_the_data_of_the_tests(data_root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(load(ROOT / "configs/simclr/simclr_stgcn_ucla_xview.py"), files=True)
    assert len(NWUCLASource("data/nw-ucla")) == 1484


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_text_with_and_without_a_mark_and_of_any_line_ends(tmp_path, end, mark):
    """One reader of lists; those of numbers take the same."""
    names, boxes = tmp_path / "names.txt", tmp_path / "boxes.txt"
    names.write_bytes(f"{mark}clip 1é{end}{end} clip 2 {end}".encode())
    assert numbered_lines(names) == [(1, "clip 1é"), (3, "clip 2")]
    boxes.write_bytes(f"{mark}1,3,0,0,4,6{end}2,3,1,0,4,6{end}".encode())
    assert read_mot(boxes).box.tolist() == [[0, 0, 4, 6], [1, 0, 5, 6]]
    assert read_lines(boxes) == [b"1,3,0,0,4,6", b"2,3,1,0,4,6"]


def test_what_is_no_text_is_refused(tmp_path):
    (tmp_path / "a.txt").write_bytes("clip".encode("utf-16"))
    with pytest.raises(DataError, match=r"no text in UTF-8.*save it as UTF-8"):
        read_text(tmp_path / "a.txt")
    for path in (tmp_path, tmp_path / "b.txt"):
        with pytest.raises(DataError, match="cannot be read"):
            numbered_lines(path)
