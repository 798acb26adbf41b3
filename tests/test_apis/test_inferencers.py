"""Inferencers, models from a checkpoint alone, and lists of components."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity

from mmsync import apis
from mmsync.apis import MotionEmbedder, init_model, list_components
from mmsync.datasets.sources import StoreWriter
from mmsync.errors import CheckpointError, ConfigError, DataError, MMSyncError, ProtocolError
from mmsync.registry import INFERENCERS

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs/simclr/simclr_stgcn_synthetic.py"


@pytest.fixture(scope="module")
def clips() -> list[np.ndarray]:
    """Clips of two classes: those of odd numbers move more."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=(20 + i, 25, 3)) * (1 + 4 * (i % 2)) for i in range(6)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """A checkpoint of a run that took no step."""
    from mmsync.config import load
    from mmsync.config.inputs import input_record

    torch.manual_seed(0)
    model = init_model(CONFIG)
    meta = dict(
        cfg=model.cfg.pretty_text, seed=0, epoch=1, iter=1, mmsync_version="0", input=input_record(load(CONFIG))
    )
    path = tmp_path_factory.mktemp("run") / "epoch_1.pth"
    torch.save(dict(meta=meta, state_dict=model.state_dict()), path)
    return path


def test_features_are_those_of_the_embedder(clips):
    found = apis.FeatureExtractor("motion-s")(clips, batch_size=4)
    np.testing.assert_allclose([one["feature"] for one in found], MotionEmbedder()(clips), atol=1e-5)
    assert [one["name"] for one in found] == list("012345")
    assert len(apis.FeatureExtractor()(clips[0])) == 1
    assert type(INFERENCERS.build(dict(type="FeatureExtractor"))) is apis.FeatureExtractor


def test_a_probe_of_a_store_names_classes(clips, tmp_path):
    with StoreWriter(tmp_path / "store", layout="ntu25", class_names=["calm", "wild"]) as store:
        for i, clip in enumerate(clips):
            store.add(str(i), clip[None].astype(np.float32), i % 2)
    inferencer = apis.MotionClassificationInferencer(train=tmp_path / "store")
    found = inferencer(clips[:3])
    assert [one["pred_class"] for one in found] == ["calm", "wild", "calm"]
    assert [one["pred_label"] for one in found] == [0, 1, 0]
    assert all(one["pred_scores"].sum() == pytest.approx(1) for one in found)
    assert found[1]["pred_score"] == pytest.approx(found[1]["pred_scores"][1])


@pytest.mark.parametrize("score", [False, True])
def test_clips_have_the_layout_of_the_bank(clips, tmp_path, score):
    bodies = [np.pad(clip[:, :17, :2], [(0, 0), (0, 0), (0, int(score))], constant_values=1) for clip in clips]
    with StoreWriter(tmp_path / "store", layout="coco17", num_coords=2, class_names=["calm", "wild"]) as store:
        for i, clip in enumerate(bodies):
            store.add(str(i), clip[None].astype(np.float32), i % 2)
    (match,), *_ = apis.MotionRetrievalInferencer(tmp_path / "store")(bodies[2], topk=1)
    assert (match["sample"], match["match_score"]) == ("2", pytest.approx(1, abs=1e-5))
    found = apis.MotionClassificationInferencer(train=tmp_path / "store")(bodies[:2])
    assert [one["pred_class"] for one in found] == ["calm", "wild"]


def test_a_bank_of_arrays_sets_no_layout(clips):
    assert apis.MotionRetrievalInferencer(clips).embedder.layout is None


def test_labels_that_are_no_places_are_kept(clips):
    inferencer = apis.MotionClassificationInferencer(train=(clips, [3, 7, 3, 7, 3, -1]))
    assert [(one["pred_label"], one["pred_class"]) for one in inferencer(clips[:2])] == [(3, "3"), (7, "7")]


def test_retrieval_is_by_cosine(clips):
    found = apis.MotionRetrievalInferencer(clips[:4])(clips[4:], topk=3)
    features = MotionEmbedder()(clips)
    expected = cosine_similarity(features[4:], features[:4])
    for row, best in zip(expected, found):
        assert [one["sample_idx"] for one in best] == np.argsort(-row)[:3].tolist()
        np.testing.assert_allclose([one["match_score"] for one in best], np.sort(row)[::-1][:3], atol=1e-5)


def test_alignment_of_a_sequence_with_itself(tmp_path):
    torch.manual_seed(0)
    model = init_model(ROOT / "configs/tcc/tcc_synthetic.py")
    frames = np.cumsum(np.random.default_rng(0).normal(size=(12, 25, 3)), 0).astype(np.float32)
    np.save(tmp_path / "one.npy", frames)
    found = apis.AlignmentInferencer(model)((tmp_path / "one.npy", frames))
    assert found["index"].tolist() == list(range(12))
    with pytest.raises(DataError, match="give a pair"):
        apis.AlignmentInferencer(model)([frames])


def test_mistakes(clips):
    with pytest.raises(ConfigError, match="SimCLR classifies nothing; give labeled clips"):
        apis.MotionClassificationInferencer()
    with pytest.raises(DataError, match="6 clips, 2 labels"):
        apis.MotionClassificationInferencer(train=(clips, [0, 1]))
    wrong = {(0, 1, 2): "has 2 names, but a label is 2", ("a", "b", "a"): "labels are <U1; give numbers from 0"}
    for labels, text in wrong.items():
        with pytest.raises(DataError, match=text):
            apis.MotionClassificationInferencer(train=(clips[:3], list(labels)), classes=["wave", "kick"])
    with pytest.raises(ConfigError, match="topk=0"):
        apis.MotionRetrievalInferencer(clips)(clips, topk=0)
    with pytest.raises(ConfigError, match="offsets need AVTS"):
        apis.SyncInferencer("motion-s")
    with pytest.raises(ProtocolError, match="SimCLR is no method on sequences"):
        apis.AlignmentInferencer("motion-s")((clips[0][0], clips[1][0]))
    for size in (0, -1, 2.5):
        with pytest.raises(ConfigError, match="batch_size="):
            apis.FeatureExtractor()(clips, batch_size=size)
    with pytest.raises(ConfigError, match=r"device cuda:99: cannot be used; there is cpu"):
        apis.FeatureExtractor(device="cuda:99")
    with pytest.raises(DataError, match="clips are NoneType"):
        MotionEmbedder()(None)
    with pytest.raises(DataError, match="features of clip 1 are not finite"):
        MotionEmbedder()([clips[0], clips[0] * 1e30])
    with pytest.warns(UserWarning, match="is one clip of 12 persons; for several clips give"):
        MotionEmbedder()(np.repeat(clips[0][None], 12, 0))
    with pytest.raises(ConfigError, match="no weights of its own"):
        apis.FeatureExtractor("simclr_stgcn_synthetic")
    with pytest.raises(MMSyncError, match="nowhere"):
        apis.FeatureExtractor("nowhere.pth")


def test_a_checkpoint_alone_makes_its_model(checkpoint, clips):
    alone, both = init_model(checkpoint), init_model(CONFIG, checkpoint)
    for one, two in zip(alone.state_dict().values(), both.state_dict().values()):
        assert torch.equal(one, two)
    assert alone.cfg.model == both.cfg.model
    features = MotionEmbedder(str(checkpoint))(clips)
    np.testing.assert_array_equal(features, MotionEmbedder(both)(clips))
    np.testing.assert_array_equal(
        [one["feature"] for one in apis.FeatureExtractor(str(CONFIG), checkpoint)(clips)], features
    )


def test_a_published_file_makes_its_model(checkpoint, tmp_path, clips):
    spec = importlib.util.spec_from_file_location("publish", ROOT / "tools/misc/publish_model.py")
    publish = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(publish)
    publish.main(publish.parse_args([str(checkpoint), str(tmp_path / "small.pth"), "--no-checksum"]))
    features = MotionEmbedder(init_model(tmp_path / "small.pth"))(clips)
    np.testing.assert_allclose(features, MotionEmbedder(str(checkpoint))(clips), atol=1e-2)


def test_a_checkpoint_without_a_config_says_so(checkpoint, tmp_path):
    torch.save(dict(state_dict=torch.load(checkpoint, weights_only=False)["state_dict"]), tmp_path / "bare.pth")
    with pytest.raises(CheckpointError, match="holds no config"):
        init_model(tmp_path / "bare.pth")


def test_clips_as_object_arrays_and_tensors(clips):
    ragged = np.empty(6, dtype=object)
    ragged[:] = clips
    expected = MotionEmbedder()(clips)
    np.testing.assert_array_equal(MotionEmbedder()(ragged), expected)
    tensors = [torch.tensor(clip, requires_grad=True) for clip in clips]
    np.testing.assert_array_equal(MotionEmbedder()(tensors), expected)


def test_components():
    assert {"Shear", "TemporalCrop"} <= set(list_components("augmentation"))
    assert "ResizeClip" not in list_components("augmentation")
    assert "ResizeClip" in list_components("transform")
    assert list_components("backbone", "*ViT") == ["SkeletonViT"]
    assert "SimCLR" in list_components("method")
    assert "STGCN" not in list_components("method")
    assert "StoreSource" in list_components("source")
    assert "StoreSource" not in list_components("dataset")
    assert {"KNN", "LinearProbe"} <= set(list_components("probe"))
    with pytest.raises(ConfigError, match="did you mean 'backbone'"):
        list_components("backbon")


def test_importing_apis_imports_no_inferencer():
    code = "import sys, mmsync.apis; print({'mmsync.apis.inferencers', 'mmsync.apis.export', 'onnx'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "set()"


def test_columns_have_names(clips):
    """As scikit-learn's output of data frames and its pipelines name them."""
    embedder = MotionEmbedder()
    with pytest.raises(ConfigError, match="once clips have been transformed"):
        embedder.get_feature_names_out()
    width = embedder.transform(clips[:1]).shape[1]
    assert list(embedder.get_feature_names_out()[[0, -1]]) == ["motionembedder0", f"motionembedder{width - 1}"]


def test_models_and_checkpoints_in_the_wrong_place(checkpoint):
    assert init_model("simclr_stgcn_synthetic").cfg.model.type == "SimCLR"
    with pytest.raises(CheckpointError, match="there is a config of this name, which has no weights"):
        init_model(CONFIG, "simclr_stgcn_synthetic")
    with pytest.raises(ConfigError, match=r"epoch_1.pth: looks like a checkpoint, but stands where a config"):
        init_model(checkpoint, CONFIG)
    with pytest.raises(ProtocolError, match="SimCLR is no method on sequences"):
        apis.AlignmentInferencer(checkpoint)
    assert "MotionEmbedder" in dir(apis)
