"""MirrorIfSeenHook: the training clips decide whether views are mirrored."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from mmsync.engine.hooks import MirrorIfSeenHook
from mmsync.errors import ConfigError
from mmsync.registry import DATASETS
from mmsync.views import SkeletonPreprocessor
from mmsync.worlds.world import SyntheticWorld

VIEWS = dict(first=[dict(type="GaussianNoise", std=0.01)], second=[])


def run(body_frame: bool = True, views: dict = VIEWS, **hook: object) -> SkeletonPreprocessor:
    source = dict(type="SyntheticSource", num_clips=(120, 1), actions=["wave", "hammer", "throw", "kick"])
    pipeline = [dict(type="ResizeClip", length=16), dict(type="PackSkeleton", num_persons=1)]
    data = DATASETS.build(dict(type="SkeletonDataset", source=source, pipeline=pipeline, split="train", layout="ntu25"))
    preprocessor = SkeletonPreprocessor("ntu25", views=views, body_frame=body_frame)
    model = SimpleNamespace(data_preprocessor=preprocessor)
    runner = SimpleNamespace(model=model, train_dataloader=SimpleNamespace(dataset=data))
    MirrorIfSeenHook(**hook).before_train(runner)
    return preprocessor


def test_people_who_use_either_hand_are_mirrored():
    preprocessor = run()
    mirror, noise = preprocessor.views["first"].transforms
    assert [type(mirror).__name__, mirror.axis, mirror.prob] == ["Mirror", 0, 0.5]
    assert type(noise).__name__ == "GaussianNoise"
    assert not preprocessor.views["second"].transforms
    clips = torch.randn(200, 1, 16, 25, 3)
    first = preprocessor({"inputs": clips}, training=True)["inputs"]["first"].data
    plain = preprocessor({"inputs": clips})["inputs"]["clip"].data
    near = (first - plain).flatten(1).abs().amax(1) < 0.1
    assert 0.3 < near.float().mean() < 0.7


def test_right_handed_people_are_not(monkeypatch):
    act = SyntheticWorld._act
    monkeypatch.setattr(
        SyntheticWorld, "_act", lambda self, rng, who, how, phase, lead, sit: act(self, rng, who, how, phase, 1, sit)
    )
    assert [type(t).__name__ for t in run().views["first"].transforms] == ["GaussianNoise"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(body_frame=False), "body_frame=True"),
        (dict(view="third"), "view='third', but the views are first, second"),
        (dict(views={}), "the views are none"),
    ],
)
def test_mistakes(options, message):
    with pytest.raises(ConfigError, match=message):
        run(**options)
