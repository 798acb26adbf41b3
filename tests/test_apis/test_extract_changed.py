"""Features of clips and of changed copies."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsync.apis import extract_changed, extract_features, init_model
from mmsync.engine.runner import MotionRunner
from mmsync.errors import ConfigError
from mmsync.evaluation.probes import LabelFree

CONFIG = "configs/simclr/simclr_stgcn_synthetic.py"


@pytest.fixture(scope="module")
def parts():
    torch.manual_seed(0)
    model = init_model(CONFIG, cfg_options={"source.num_clips": [24, 12]})
    return model, MotionRunner.build_dataloader(model.cfg.val_dataloader, seed=0)


def test_copies_are_those_of_the_augmentations(parts):
    model, loader = parts
    table = extract_changed(model, loader, progress=False)
    plain = extract_features(model, loader, progress=False)
    assert torch.equal(table["feature"], plain["feature"])
    batch = next(iter(loader))
    clip = batch["inputs"]["skeleton"]
    reversed_clip = {**batch, "inputs": {"skeleton": clip._replace(data=clip.data.flip(2))}}
    feature = model.test_step(reversed_clip)["feature"]
    assert torch.allclose(table["feature_reversal"][: len(feature)], feature, atol=1e-5)
    flip = list(model.data_preprocessor.layout.flip_index)
    mirrored = clip.data[:, :, :, flip] * torch.tensor([-1.0, 1, 1])
    feature = model.test_step({**batch, "inputs": {"skeleton": clip._replace(data=mirrored)}})["feature"]
    assert torch.allclose(table["feature_mirror"][: len(feature)], feature, atol=1e-5)
    angle = table["yaw"].deg2rad()
    assert table["yaw"].abs().max() > 90
    matrix = torch.zeros(len(clip.data), 3, 3)
    matrix[:, 0, 0] = matrix[:, 2, 2] = angle.cos()[: len(clip.data)]
    matrix[:, 1, 1] = 1
    matrix[:, 2, 0] = angle.sin()[: len(clip.data)]
    matrix[:, 0, 2] = -matrix[:, 2, 0]
    turned = torch.einsum("nij,nmtvj->nmtvi", matrix, clip.data)
    feature = model.test_step({**batch, "inputs": {"skeleton": clip._replace(data=turned)}})["feature"]
    assert torch.allclose(table["feature_yaw"][: len(feature)], feature, atol=1e-4)


def test_the_same_copies_again(parts):
    model, loader = parts
    tables = [extract_changed(model, loader, seed=seed, progress=False) for seed in (1, 1, 2)]
    assert torch.equal(tables[0]["feature_first"], tables[1]["feature_first"])
    assert not torch.equal(tables[0]["feature_first"], tables[2]["feature_first"])
    assert not torch.equal(tables[0]["feature_first"], tables[0]["feature_second"])


def test_the_probe_reads_them(parts):
    model, loader = parts
    table = extract_changed(model, loader, progress=False)
    found = LabelFree(clusters=3).run(table, table).metrics
    assert {"alignment", "mirror", "reversal", "yaw", "mixing_subject", "mixing_view"} <= set(found)
    assert all(np.isfinite(value) for value in found.values())


def test_other_models_are_refused():
    with pytest.raises(ConfigError, match="Linear is no method on them"):
        extract_changed(torch.nn.Linear(2, 2), [])
