"""Proves that the synthetic recordings become, through the converter, the clips they were made of."""

from __future__ import annotations

import numpy as np
import pytest

from mmsync.converters.pku import convert_pku
from mmsync.datasets.sources import StoreSource, SyntheticSource
from mmsync.errors import ConfigError, DataError
from mmsync.worlds.writers import write_pku_raw


@pytest.mark.parametrize("phase", [1, 2])
def test_recordings_are_cut_into_the_clips_they_were_made_of(tmp_path, phase):
    source = SyntheticSource((24, 12), num_frames=(6, 20))
    (tmp_path / "raw").mkdir()
    write_pku_raw(source, tmp_path / "raw", phase, per_recording=5)
    lines = next((tmp_path / "raw" / "skeleton").iterdir()).read_text().splitlines()
    assert {len(line.split()) for line in lines} == {150}
    convert_pku(tmp_path / "raw", tmp_path / "store", phase)
    store = StoreSource(tmp_path / "store")
    assert len(store) == 36
    assert {split: len(names) for split, names in store.splits.items() if "xsub" in split} == {
        "xsub_train": 24,
        "xsub_test": 12,
    }
    place = {name: index for index, name in enumerate(store.names)}
    for split in ("train", "test"):
        wanted = sorted(source.names.index(name) for name in source.splits[split])
        found = [place[name] for name in store.splits[f"xsub_{split}"]]
        for clip, label in ((source.load(i), source.labels[i]) for i in wanted):
            same = [
                i for i in found if store.load(i).shape == clip.shape and np.allclose(store.load(i), clip, atol=1e-5)
            ]  # fmt: skip
            assert len(same) == 1
            assert store.labels[same[0]] == label


def test_what_does_not_fit_is_told(tmp_path):
    with pytest.raises(ConfigError, match="phase 3"):
        write_pku_raw(SyntheticSource((2, 2)), tmp_path, phase=3)
    with pytest.raises(DataError, match="kinect20"):
        write_pku_raw(SyntheticSource((2, 2), layout="kinect20"), tmp_path)
