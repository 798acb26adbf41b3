"""The curriculum: the mix of each epoch, seen by persistent workers, and after a resume."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from mmengine.config import Config
from toy_motion import toy_config

from mmsync.engine.hooks import CurriculumHook
from mmsync.engine.runner import MotionRunner
from mmsync.errors import ConfigError, DataError
from mmsync.registry import HOOKS

STAGES = [(0, dict(positive=1, easy=3)), (1, dict(positive=1, easy=2, hard=1)), (2, dict(positive=1, hard=3))]


@HOOKS.register_module()
class KindsSeenHook(CurriculumHook):
    """Stands beside the curriculum and notes the kinds of each epoch."""

    def __init__(self):
        self.seen = {}

    def before_train(self, runner): ...

    def before_train_epoch(self, runner): ...

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        kinds = self.seen.setdefault(runner.epoch, {})
        for sample in data_batch["data_samples"]:
            kinds[sample.kind] = kinds.get(sample.kind, 0) + 1


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
    assert [hook.mix_of(epoch) for epoch in (0, 1, 2, 99)] == [STAGES[i][1] for i in (0, 1, 2, 2)]
    loader = SimpleNamespace(dataset=[1, 2])
    with pytest.raises(ConfigError, match="list has no mix"):
        hook.before_train(SimpleNamespace(train_dataloader=loader))
