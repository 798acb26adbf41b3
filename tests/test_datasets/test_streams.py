"""Two streams of one clock: files, rates, starts, what is missing or broken, and a model of two skeletons."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate  # noqa: F401  # the data set has a collate function of its own

from mmsync.datasets import StreamDataset
from mmsync.datasets.sources import StreamSource
from mmsync.errors import ConfigError, DataError
from mmsync.registry import MODELS
from mmsync.testing import check_dataset, on_ranks  # noqa: F401

STREAMS = dict(slow=dict(rate=10), fast=dict(rate=50))


def clock(seconds: float, rate: float, start: float = 0.0, channels: int = 2) -> np.ndarray:
    """Samples that show their own time, ``(T, C)``."""
    times = start + np.arange(round(seconds * rate)) / rate
    return np.stack([times] * channels, 1).astype(np.float32)


def write(root, name: str, seconds: float = 6.0, kind: str = "npy", fast=None, slow=None) -> None:
    for stream, given in (("slow", slow), ("fast", fast)):
        values = clock(seconds, STREAMS[stream]["rate"]) if given is None else given
        path = root / stream / f"{name}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "npy":
            np.save(path, values)
        else:
            np.savetxt(path, values, delimiter=",")


@pytest.fixture
def folder(tmp_path):
    for i in range(4):
        write(tmp_path, f"train_{i}", kind=("npy", "csv")[i % 2])
    write(tmp_path, "test_0")
    return tmp_path


def data(root, **more) -> StreamDataset:
    source = dict(
        type="StreamSource", data_root=str(root), streams=more.pop("streams", STREAMS), splits=["train", "test"]
    )
    options = dict(mix=dict(positive=1, easy=1, hard=1), split="train", num_samples=24)
    return StreamDataset(source, **{**options, **more})


@pytest.mark.parametrize("kind", ["npy", "csv"])
def test_windows_have_the_times_that_the_sample_says(tmp_path, kind):
    for i in range(3):
        write(tmp_path, f"train_{i}", kind=kind)
    dataset = data(tmp_path)
    check_dataset(dataset)
    seen = set()
    for index in range(len(dataset)):
        batch = dataset.__getitems__([index])
        sample = batch["data_samples"][0]
        slow, fast = batch["inputs"]["slow"].data[0], batch["inputs"]["fast"].data[0]
        assert (slow.shape, fast.shape) == ((10, 2), (50, 2))
        assert slow[0, 0] == pytest.approx(sample.start, abs=0.051)
        assert fast[0, 0] == pytest.approx(sample.other_start, abs=0.011)
        apart = abs(sample.start - sample.other_start)
        assert (apart == 0) == (sample.kind == "positive")
        assert sample.kind != "hard" or apart >= 1.5
        assert (sample.other != sample.name) == (sample.kind == "easy")
        seen.add(sample.kind)
    assert seen == {"positive", "easy", "hard"}


def test_streams_may_start_at_other_times_each(folder):
    """A number for all recordings, or a json with that of each; windows lie where both have samples."""
    (folder / "starts.json").write_text(json.dumps({"test_0": 0, **{f"train_{i}": 0.5 * i for i in range(4)}}))
    streams = dict(slow=dict(rate=10, start=2.0), fast=dict(rate=50, start="starts.json"))
    dataset = data(folder, streams=streams, mix=dict(positive=1), num_samples=40)
    for sample, index in ((dataset.__getitems__([i])["data_samples"][0], i) for i in range(40)):
        late = 0.5 * int(sample.name[-1])
        assert 2.0 <= sample.start <= 6.0 + late - 1.0
        inputs = dataset.__getitems__([index])["inputs"]
        assert inputs["slow"].data[0, 0, 0] == pytest.approx(sample.start - 2.0, abs=0.051)
        assert inputs["fast"].data[0, 0, 0] == pytest.approx(sample.start - late, abs=0.011)
    (folder / "starts.json").write_text(json.dumps({"train_0": 0}))
    with pytest.raises(DataError, match=r"starts.json: no number of each recording by name: KeyError\('test_0'\)"):
        data(folder, streams=streams)


def said(caplog) -> str:
    return "\n".join(record.getMessage() for record in caplog.records)


@pytest.fixture
def heard(caplog):
    """What mmsync logs, which MMEngine's logger keeps to itself."""
    from mmengine.logging import MMLogger

    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    caplog.set_level(logging.INFO)
    yield caplog
    logger.removeHandler(caplog.handler)


def test_what_cannot_be_used_is_named_and_counted(folder, heard):
    np.save(folder / "slow" / "train_lonely.npy", clock(6, 10))
    write(folder, "train_short", seconds=0.7)
    write(folder, "train_words", kind="csv")
    (folder / "fast" / "train_words.csv").write_text("time,x\n0,1\n")
    dataset = data(folder)
    text = said(heard)
    assert "1 recordings have one stream only and are left out: train_lonely" in text
    assert "1 of 6 recordings have both streams for less than 1 s and are left out: train_short" in text
    assert "train_words.csv: cannot be read as numbers" in text
    assert sorted({dataset.__getitems__([i])["data_samples"][0].name for i in range(24)}) == [
        f"train_{i}" for i in range(4)
    ]


def test_two_streams_without_a_common_second(folder, heard):
    streams = dict(slow=dict(rate=10, start=100.0), fast=dict(rate=50))
    with pytest.raises(DataError, match="train"):
        data(folder, streams=streams)
    assert "4 of 4 recordings have both streams for less than 1 s and are left out: train_0, train_1" in said(heard)


def test_nan_is_named_with_its_time(folder):
    values = clock(6, 50)
    values[150:] = np.nan
    write(folder, "train_0", fast=values)
    source = StreamSource(folder, STREAMS)
    place = source.names.index("train_0")
    assert source.read(place, "fast", 0.0, 1.0).shape == (50, 2)
    with pytest.raises(DataError, match=r"train_0: NaN or infinity in fast from 2.500 s on"):
        source.read(place, "fast", 2.5, 1.0)
    for start in (-0.5, 5.5):
        with pytest.raises(DataError, match=f"train_0: slow has no samples from {start:.3f}"):
            source.read(place, "slow", start, 1.0)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (dict(streams=dict(slow=dict(rate=10))), ConfigError, "1 streams; give two"),
        (dict(streams=dict(slow=dict(rate=0), fast=dict(rate=50))), ConfigError, "streams.slow.rate=0; give samples"),
        (dict(streams=dict(slow=dict(folder="slow"), fast=dict(rate=50))), ConfigError, "streams.slow=.*'rate'"),
        (dict(streams=dict(slow=dict(rate=10), other=dict(rate=50))), DataError, "put the files of stream 'other'"),
        (dict(duration=0.0), ConfigError, "give a positive duration"),
        (dict(duration=9.0, mix=dict(positive=1)), DataError, "train"),
        (dict(mix=dict(hard=1), gap=(5.5, None)), DataError, "hard"),
        (dict(mix=dict(harder=1)), ConfigError, "harder"),
    ],
)
def test_mistakes_are_refused(folder, change, error, match):
    with pytest.raises(error, match=match):
        data(folder, **change)


def test_two_skeletons_learn_whether_they_move_at_the_same_time(tmp_path):
    """Person and partner are two streams of skeletons with the axis of persons added; loss falls, features come."""
    rng = np.random.default_rng(0)
    for i in range(6):
        steps = np.cumsum(rng.standard_normal((60, 25, 3)), 0).astype(np.float32) / 10
        for stream, values in (("person", steps), ("partner", steps[:, ::-1] + 1)):
            (tmp_path / stream).mkdir(exist_ok=True)
            np.save(tmp_path / stream / f"train_{i}.npy", values)
    streams = {name: dict(rate=10, persons=True) for name in ("person", "partner")}
    dataset = data(tmp_path, streams=streams, mix=dict(positive=1, easy=1), duration=1.6)
    torch.manual_seed(0)
    backbone = dict(type="STGCN", layout="ntu25", channels=[8, 8], strides=[1, 1], temporal_kernel=3)
    encoder = dict(type="Encoder", backbone=backbone, projector=dict(type="MLPProjector", out_channels=8, norm=True))
    parts = {
        name: dict(type="SkeletonPreprocessor", layout="ntu25", views={view: []})
        for name, view in (("person", "first"), ("partner", "second"))
    }
    preprocessor = dict(type="ComposedPreprocessor", parts=parts)
    model = MODELS.build(dict(type="TwoStreamSync", first=encoder, second=encoder, data_preprocessor=preprocessor))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(30):
        batch = model.data_preprocessor(dataset.__getitems__(list(range(24))), True)
        total, log = model.parse_losses(model(batch["inputs"], batch["data_samples"], mode="loss"))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        losses.append(float(log["loss_sync"]))
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    batch = model.eval().data_preprocessor(dataset.__getitems__([0, 1]), False)
    table = model(batch["inputs"], batch["data_samples"], mode="predict")
    assert (table["feature"].shape, table["feature_second"].shape, table["distance"].shape) == ((2, 8), (2, 8), (2,))
