"""The one rule for the place of data."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsync.config import check, load
from mmsync.datasets.sources import NWUCLASource
from mmsync.errors import ConfigError, DataError
from mmsync.fileio import data_path, not_found

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
