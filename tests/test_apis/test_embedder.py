"""MotionEmbedder: features of arrays, files and stores are those of the data set; wrong clips are named."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mmsync.apis import MotionEmbedder, extract_features, init_model
from mmsync.datasets.sources import StoreWriter, SyntheticSource
from mmsync.engine.runner import MotionRunner
from mmsync.errors import ConfigError, DataError
from mmsync.structures import SkeletonLayout

ROOT = Path(__file__).parents[2]
SMALL = {"source.num_clips": (8, 4), "source.num_performers": (2, 2)}


@pytest.fixture(scope="module")
def clips() -> list[np.ndarray]:
    source = SyntheticSource((8, 4), num_performers=(2, 2))
    return [np.array(source.load(index)) for index in range(8, 12)]


@pytest.mark.parametrize("name", ["simclr/simclr_stgcn_synthetic", "default/default_synthetic"])
def test_features_are_those_of_the_data_set(name, clips):
    torch.manual_seed(0)
    model = init_model(ROOT / f"configs/{name}.py", cfg_options=SMALL)
    loader = MotionRunner.build_dataloader(model.cfg.test_dataloader.to_dict())
    table = extract_features(model, loader, progress=False)
    expected = table["feature"][torch.tensor([role == "query" for role in table["role"]])].float().numpy()
    found = MotionEmbedder(model, batch_size=3)(clips)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-2 if "default" in name else 1e-5)
    if "default" in name:  # the place of a body does not matter but for rounding; its absent second person neither
        cosine = (found * expected).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
        assert cosine.min() > 0.9999


def test_forms_of_clips(clips, tmp_path):
    embedder = MotionEmbedder(batch_size=3)
    features = embedder(clips)
    assert features.shape == (4, 3840)
    np.testing.assert_array_equal(embedder(clips[0]), features[0])
    one = next(i for i, clip in enumerate(clips) if not clip[1:].any())
    np.testing.assert_allclose(embedder(clips[one][0]), features[one], atol=1e-5)
    np.testing.assert_allclose(embedder(torch.from_numpy(clips[1])), features[1], atol=1e-5)
    np.save(tmp_path / "clip.npy", clips[2])
    np.testing.assert_allclose(embedder([tmp_path / "clip.npy", clips[3]]), features[2:], atol=1e-5)
    frames = min(clip.shape[1] for clip in clips)
    many = np.stack([clip[:, :frames] for clip in clips])
    np.save(tmp_path / "many.npy", many)
    np.testing.assert_allclose(embedder(tmp_path / "many.npy"), embedder(many), atol=1e-5)
    with StoreWriter(tmp_path / "store", layout="ntu25") as store:
        for i, clip in enumerate(clips):
            store.add(str(i), clip, -1)
    np.testing.assert_allclose(embedder(tmp_path / "store"), features, atol=1e-3)
    annotations = [dict(frame_dir=str(i), keypoint=clip, label=0) for i, clip in enumerate(clips)]
    (tmp_path / "clips.pkl").write_bytes(pickle.dumps(annotations))
    np.testing.assert_allclose(embedder(tmp_path / "clips.pkl"), features, atol=1e-3)


def test_other_layouts(clips):
    joints = [SkeletonLayout.get("ntu25").joint(name) for name in SkeletonLayout.get("kinect20").joints]
    features = MotionEmbedder(layout="kinect20")([clip[:, :, joints] for clip in clips])
    np.testing.assert_allclose(features, MotionEmbedder()(clips), atol=1e-3)
    flat = [clip[:, :, :15, :2] for clip in clips]
    assert MotionEmbedder(layout="jhmdb15")(flat).shape == (4, 3840)


def test_it_is_a_transformer_of_scikit_learn(clips):
    embedder = clone(MotionEmbedder(batch_size=2))
    assert embedder.get_params()["batch_size"] == 2
    pipeline = make_pipeline(embedder, StandardScaler(), LogisticRegression())
    labels = [0, 1, 0, 1]
    assert pipeline.fit(clips, labels).score(clips, labels) == 1
    assert len(cross_val_score(pipeline, clips, labels, cv=2)) == 2


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        ([np.zeros((9, 20, 3))], "clip 0 has 20 joints, layout 'ntu25' has 25; layouts with 20: kinect20"),
        ([np.ones((9, 25, 3)), np.zeros((9, 7, 3))], "clip 1 has 7 joints"),
        ([np.ones((9, 25, 3)), np.ones((9, 25, 2))], "2 and 3 channels"),
        ([np.ones((9, 25, 9))], "9 channels"),
        ([np.ones(9)], r"clip 0 is float64 \(9,\)"),
        ([np.array([["a"]])], "give numbers"),
        (np.ones((9, 25)), r"an array \(9, 25\)"),
        ([], "no clips"),
        ("clips.txt", "clips.txt is no .npy file"),
        ("none.npy", "none.npy cannot be read"),
        ([np.full((9, 25, 3), np.nan)], "NaN"),
        ([np.zeros((9, 25, 3))], "empty"),
    ],
)
def test_mistakes(clips, message):
    with pytest.raises(DataError, match=message):
        MotionEmbedder()(clips)


def test_models_that_are_none():
    with pytest.raises(ConfigError, match="not a method on skeletons"):
        MotionEmbedder(torch.nn.Linear(2, 2)).fit()
