"""AVTS on embeddings of steps of time."""

from __future__ import annotations

import pytest
import torch

from mmsync.errors import ConfigError, DataError
from mmsync.models.backbones import AudioVGG
from mmsync.models.methods.avts import AVTS
from mmsync.structures import MotionSample, View

POOLS = dict(pool=dict(type="FramePool"), probe_pool=dict(type="MeanPool"))


def model(time_pools=2, out_channels=6, audio_channels=6):
    projector = dict(type="MLPProjector", hidden_channels=8, norm=True)
    torch.manual_seed(0)
    return AVTS(
        dict(
            POOLS, type="Encoder", backbone=dict(type="VideoResNet", variant="mc3", width=0.0625),
            projector=dict(projector, out_channels=out_channels)),
        dict(
            POOLS, type="Encoder", backbone=dict(type="AudioVGG", widths=[4, 4, 8], time_pools=time_pools),
            projector=dict(projector, out_channels=audio_channels)))  # fmt: skip


def views(n=4, frames=10, columns=40):
    torch.manual_seed(1)
    return dict(video=View(torch.randn(n, 3, frames, 16, 16)), audio=View(torch.randn(n, 1, 16, columns)))


def test_distance_is_the_root_mean_square_over_steps():
    found = model().eval()
    table = found(views(), [MotionSample(positive=1)] * 4, mode="predict")
    maps = {name: getattr(found, name).forward_map(view) for name, view in views().items()}
    steps = {name: getattr(found, name).project(getattr(found, name).pool(one)) for name, one in maps.items()}
    assert steps["video"].shape == steps["audio"].shape == (4, 10, 6)
    wanted = (steps["video"] - steps["audio"]).square().sum(2).mean(1).sqrt()
    assert torch.allclose(torch.as_tensor(table["distance"]), wanted, atol=1e-6)
    assert table["feature"].shape == (4, 32)
    assert torch.allclose(torch.as_tensor(table["feature"]), found.video.pool(maps["video"]).mean(1), atol=1e-6)


def test_distances_to_slid_sound_are_those_of_each_alone():
    found, both = model().eval(), views()
    several = torch.randn(4, 3, 1, 16, 40)
    table = found(dict(both, audio=View(several)), mode="predict")
    for k in range(3):
        alone = found(dict(both, audio=View(several[:, k])), mode="predict")["distance"]
        assert torch.allclose(torch.as_tensor(table["distances"])[:, k], torch.as_tensor(alone), atol=1e-6)


def test_loss_is_the_published_one():
    found = model().train()
    samples = [MotionSample(positive=i % 2) for i in range(4)]
    losses = found(views(), samples, mode="loss")
    first, second = found.embed({name: view for name, view in views().items()})
    d, y = (first - second).norm(dim=1), torch.tensor([0.0, 1.0, 0.0, 1.0])
    wanted = (y * d**2 + (1 - y) * (0.99 - d).clamp(min=0) ** 2).mean()
    assert losses["loss_sync"].item() == pytest.approx(wanted.item(), rel=1e-4)


def test_streams_of_other_steps_or_widths():
    samples = [MotionSample(positive=1)] * 4
    with pytest.raises(DataError, match=r"have 60 of video and 120 of audio numbers.*as many steps"):
        model(time_pools=1)(views(), samples, mode="loss")
    with pytest.raises(DataError, match="60 of video and 50 of audio"):
        model(audio_channels=5)(views(), samples, mode="loss")
    with pytest.raises(DataError, match="60 of video and 120 of audio"):
        model(time_pools=1).eval()(views(), samples, mode="predict")


@pytest.mark.parametrize(("pools", "steps"), [(None, 12), (3, 12), (2, 25), (0, 100)])
def test_time_pools(pools, steps):
    net = AudioVGG(widths=[2, 2, 2, 4], time_pools=pools)
    assert net.forward_rows(torch.randn(2, 1, 40, 100)).shape == (2, 4, 5, steps)


def test_more_poolings_than_there_are():
    with pytest.raises(ConfigError, match="time_pools=4; 4 blocks have 3 poolings"):
        AudioVGG(time_pools=4)
