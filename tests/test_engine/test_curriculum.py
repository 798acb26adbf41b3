"""The curriculum: the mix of each epoch, seen by persistent workers, and after a resume."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from torch import nn
from toy_motion import toy_config

from mmsync.datasets import Kind, KindDataset
from mmsync.datasets.sources import BaseSource
from mmsync.engine.hooks import CurriculumHook
from mmsync.engine.runner import MotionRunner
from mmsync.errors import ConfigError, DataError
from mmsync.registry import DATASETS, HOOKS, MODELS

STAGES = [(0, dict(positive=1, easy=3)), (1, dict(positive=1, easy=2, hard=1)), (2, dict(positive=1, hard=3))]


@HOOKS.register_module()
class KindsSeenHook(CurriculumHook):
    """Stands beside the curriculum and notes the kinds of each epoch."""

    def __init__(self):
        self.seen = {}

    def before_train(self, runner): ...

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        kinds = self.seen.setdefault(runner.iter // len(runner.train_dataloader), {})
        for sample in data_batch["data_samples"]:
            kinds[sample.kind] = kinds.get(sample.kind, 0) + 1


@DATASETS.register_module()
class ToyKindDataset(KindDataset):
    """Numbers of two kinds that no other data set has."""

    kinds = (Kind("even", positive=True), Kind("odd"))

    def available(self, role):
        return {"even": 8, "odd": 8}

    def draw(self, role, kind, count, rng):
        return np.stack([rng.integers(8, size=count), np.full(count, kind == "odd")], 1)

    def read_row(self, row, kind, index):
        number = np.array([2 * row[0] + row[1]], np.float32)
        return {"inputs": {"number": (number,)}, "data_samples": self.describe([index], row[:1], kind=[kind])[0]}


@DATASETS.register_module()
class ToyKindSource(BaseSource):
    modality = "number"

    def __init__(self):
        self.names, self.splits = [f"n{i}" for i in range(8)], {}


@MODELS.register_module()
class ToyMean(BaseModel):
    def __init__(self):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(1))

    def forward(self, inputs, data_samples, mode):
        return {"loss": (inputs["number"].data - self.mean).square().mean()}


def config(folder, epochs, **more):
    source = dict(
        type="SkeletonTrackSource",
        source=dict(type="SyntheticSource", num_clips=(8, 0), num_frames=(40, 44), two_person=1.0),
    )
    encoder = dict(
        type="Encoder",
        backbone=dict(type="STGCN", channels=[4], strides=[2], temporal_kernel=3),
        projector=dict(type="MLPProjector", out_channels=4, norm=True, dropout=0.1),
    )
    data = dict(type="PairDataset", source=source, mix=dict(positive=1), window=10, size=16)
    hooks = [dict(type="CurriculumHook", stages=STAGES), dict(type="KindsSeenHook")]
    model = dict(
        type="Sync3D",
        encoder=encoder,
        data_preprocessor=dict(type="SkeletonPreprocessor", layout="ntu25", views=dict(tracks=[dict(type="Shear")])),
    )
    off = dict(val_cfg=None, val_dataloader=None, val_evaluator=None)
    loader = dict(
        dataset=data,
        batch_size=8,
        num_workers=1,
        persistent_workers=True,
        sampler=dict(type="EpochSampler", shuffle=True),
    )
    return toy_config(folder, epochs, model=model, train_dataloader=loader, custom_hooks=hooks, **off, **more)


def toy(folder, loop, stages, by_epoch, **more):
    """Passes of 4 batches of 4."""
    data = dict(type="ToyKindDataset", source=dict(type="ToyKindSource"), mix=dict(even=1), size=16)
    loader = dict(
        dataset=data, batch_size=4, num_workers=2, persistent_workers=True, sampler=dict(type="EpochSampler"),
    )  # fmt: skip
    hooks = [dict(type="CurriculumHook", stages=stages, by_epoch=by_epoch), dict(type="KindsSeenHook")]
    off = dict(val_cfg=None, val_dataloader=None, val_evaluator=None, test_cfg=None, test_dataloader=None)
    off["test_evaluator"] = None
    saves = dict(type="CheckpointHook", interval=2, by_epoch=False, max_keep_ckpts=2)
    more = dict(default_hooks=dict(checkpoint=saves), param_scheduler=None, **more)
    return Config(toy_config(
        folder, model=dict(type="ToyMean"), train_dataloader=loader, custom_hooks=hooks, train_cfg=loop, **off, **more
    ))  # fmt: skip


def kinds(runner):
    return next(hook.seen for hook in runner.hooks if isinstance(hook, KindsSeenHook))


def test_each_stage_reaches_persistent_workers_and_a_resumed_run(tmp_path):
    whole = MotionRunner.from_cfg(Config(config(tmp_path / "a", 3)))
    whole.train()
    wanted = {0: {"positive": 4, "easy": 12}, 1: {"positive": 4, "easy": 8, "hard": 4}, 2: {"positive": 4, "hard": 12}}
    assert kinds(whole) == wanted
    first = config(tmp_path / "b", 3)
    first["train_cfg"]["max_epochs"] = 2
    MotionRunner.from_cfg(Config(first)).train()
    rest = MotionRunner.from_cfg(Config(config(tmp_path / "b", 3, resume=True)))
    rest.train()
    assert kinds(rest) == {2: wanted[2]}
    told = [line for file in sorted(tmp_path.rglob("*.log")) for line in file.read_text().splitlines()]
    told = [line.split("curriculum: ")[1] for line in told if "curriculum: " in line]
    assert told == [f"stage {i} of 3 from epoch {i} on" for i in (1, 2, 3, 1, 2, 3)]


EVEN, MIXED, ODD = dict(even=1), dict(even=1, odd=1), dict(odd=1)
BY_ITER, BY_EPOCH = [(0, EVEN), (4, MIXED), (9, ODD)], [(0, EVEN), (1, MIXED), (3, ODD)]
SEEN = {0: {"even": 16}, 1: {"even": 8, "odd": 8}, 2: {"even": 8, "odd": 8}, 3: {"odd": 16}}


@pytest.mark.parametrize(("stages", "by_epoch"), [(BY_ITER, False), (BY_EPOCH, True)])
@pytest.mark.parametrize("loop", [dict(by_epoch=True, max_epochs=4), dict(by_epoch=False, max_iters=16)])
def test_any_data_set_with_kinds_by_epoch_or_iteration_in_both_loops(tmp_path, loop, stages, by_epoch):
    """Iteration 9 is within the third pass, so that its stage begins with the fourth."""
    runner = MotionRunner.from_cfg(toy(tmp_path, loop, stages, by_epoch))
    runner.train()
    assert kinds(runner) == SEEN


@pytest.mark.parametrize(("stages", "by_epoch"), [(BY_ITER, False), (BY_EPOCH, True)])
def test_a_run_that_is_resumed_within_a_pass_keeps_its_mix(tmp_path, stages, by_epoch):
    loop = dict(by_epoch=False, max_iters=16)
    MotionRunner.from_cfg(toy(tmp_path, {**loop, "max_iters": 10}, stages, by_epoch)).train()
    rest = MotionRunner.from_cfg(toy(tmp_path, loop, stages, by_epoch, resume=True))
    rest.train()
    assert kinds(rest)[3] == SEEN[3]
    assert sum(kinds(rest)[2].values()) == 8
    assert set(kinds(rest)[2]) == {"even", "odd"}


def test_a_later_stage_that_the_data_cannot_fill_stops_the_run_at_its_start(tmp_path):
    settings = config(tmp_path, 3)
    settings["custom_hooks"][0]["stages"] = [(0, dict(positive=1, easy=1)), (300, dict(positive=1, medium=1))]
    with pytest.raises(DataError, match="medium"):
        MotionRunner.from_cfg(Config(settings)).train()


def test_stages_are_checked():
    for begins in ([], [1], [0, 5, 5], [0, 7, 3]):
        with pytest.raises(ConfigError, match="rising"):
            CurriculumHook([(begin, dict(positive=1)) for begin in begins])
    hook = CurriculumHook(STAGES)
    assert [hook.stages[hook._stage_of(epoch)][1] for epoch in (0, 1, 2, 99)] == [STAGES[i][1] for i in (0, 1, 2, 2)]
    loader = SimpleNamespace(dataset=[1, 2])
    hook = CurriculumHook(BY_ITER, by_epoch=False)
    assert [hook.stages[hook._stage_of(at)][1] for at in (0, 4, 8, 9)] == [EVEN, MIXED, MIXED, ODD]
    with pytest.raises(ConfigError, match="list has no mix"):
        hook.before_train(SimpleNamespace(train_dataloader=loader))
