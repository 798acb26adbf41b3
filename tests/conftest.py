"""Where the tests find real data and reference numbers; both are optional."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))  # toy_motion is a module, so that child processes can import it as well
torch.set_num_threads(1)  # small tensors: a second thread only adds waiting, and CI has two cores


def _folder(name: str, path: Path) -> Path:
    if not path.is_dir():
        pytest.skip(f"{name}: {path} is no folder; set MMSYNC_DATA_ROOT to a folder of data")
    return path


def _root(name: str) -> Path:
    root = os.environ.get("MMSYNC_DATA_ROOT")
    if not root:
        pytest.skip(f"{name}: MMSYNC_DATA_ROOT is not set")
    return Path(root)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory) -> Iterator[None]:
    """Parsed data sets go to a temporary folder; child processes inherit it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMSYNC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real data sets."""
    return _folder("real data", _root("real data"))


@pytest.fixture(scope="session")
def fixture_root() -> Path:
    """The folder of reference numbers, beside the data root."""
    return _folder("reference numbers", _root("reference numbers").parent / "fixtures")
