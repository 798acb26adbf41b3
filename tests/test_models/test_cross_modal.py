"""GDT and AVID: losses by naive loops, memories by hand, and what they refuse."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmsync.errors import ConfigError, DataError
from mmsync.models.losses.cross_modal import cross_modal_nce
from mmsync.registry import MODELS
from mmsync.structures import MotionSample
from mmsync.testing import view_for
from tests import toy_modalities  # noqa: F401  # registers its classes


def naive_nce(first: np.ndarray, second: np.ndarray, tau: float) -> float:
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (first, second)]
    total = 0.0
    for a, b in (unit, unit[::-1]):
        for i in range(len(a)):
            scores = [np.exp(a[i] @ b[k] / tau) for k in range(len(b))]
            total -= np.log(scores[i] / sum(scores)) / len(a)
    return total / 2


@pytest.mark.parametrize("tau", [0.07, 0.5])
def test_nce_between_modalities_is_that_of_a_loop(tau):
    a, b = (torch.randn(6, 5, generator=torch.Generator().manual_seed(i)) for i in (0, 1))
    assert float(cross_modal_nce(a, b, tau)) == pytest.approx(naive_nce(a.double().numpy(), b.double().numpy(), tau))
    assert float(cross_modal_nce(a, a, 0.01)) < 1e-3  # those that agree


def avid(**more) -> nn.Module:
    torch.manual_seed(0)
    encoder = dict(
        type="Encoder", backbone=dict(type="ToySpectrogramNet"), projector=dict(type="MLPProjector", out_channels=3)
    )
    return MODELS.build(dict(type="AVID", **{**dict(video=encoder, audio=encoder, num_videos=4), **more}))


def samples(*instances) -> list[MotionSample]:
    return [MotionSample(gt_label=0, metainfo=dict(index=i, instance=i)) for i in instances]


def test_avid_is_the_softmax_over_the_other_memory_and_remembers_afterwards():
    """Two of three samples are of one video: it remembers their mean; video 1 is not in the batch and stays."""
    model = avid(temperature=0.2, momentum=0.25).train()
    view = view_for(model.video.backbone, n=3)
    views, at = {"video": view, "audio": view._replace(data=view.data.flip(0))}, [2, 0, 2]
    before = {name: getattr(model, f"{name}_memory").double().numpy().copy() for name in ("video", "audio")}
    z = dict(zip(("video", "audio"), (F.normalize(x, dim=1).detach().double().numpy() for x in model.embed(views))))
    losses = model.loss(views, samples(*at))
    for name, other in (("video", "audio"), ("audio", "video")):
        expected = 0.0
        for row, video in zip(z[name], at):
            scores = np.exp(before[other] @ row / 0.2)
            expected -= np.log(scores[video] / scores.sum()) / 3 / 2
        assert float(losses[f"loss_{name}"]) == pytest.approx(expected, rel=1e-4)
        found = getattr(model, f"{name}_memory").double().numpy()
        mean = {0: z[name][1], 2: (z[name][0] + z[name][2]) / 2}
        for video in range(4):
            new = before[name][video]
            if video in mean:
                new = 0.25 * new + 0.75 * mean[video]
                new = new / np.linalg.norm(new)
            np.testing.assert_allclose(found[video], new, atol=1e-5)
    total, _ = model.parse_losses(losses)
    total.backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: avid(num_videos=1), ConfigError, "num_videos=1"),
        (lambda: avid(momentum=1.0), ConfigError, "momentum=1.0"),
        (lambda: avid().loss(views(), samples(0, 1, 2, 4)), DataError, "video number 4, but num_videos=4"),
        (lambda: avid().loss(views(), None), DataError, "no `instance`"),
        (
            lambda: avid().check_data(SimpleNamespace(num_instances=300)),
            ConfigError,
            "model.num_videos: is 4, but the training data have 300 usable videos; set model.num_videos=300",
        ),
        (lambda: avid().check_data(SimpleNamespace()), ConfigError, "which SimpleNamespace lacks"),
        (
            lambda: avid(audio=dict(type="Encoder", backbone=dict(type="ToySpectrogramNet"))),
            ConfigError,
            "embeddings of 3 and 8 channels",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, error, match):
    with pytest.raises(error, match=match):
        call()


def views() -> dict:
    view = view_for(avid().video.backbone)
    return {"video": view, "audio": view}


def test_a_memory_of_the_right_size_is_accepted():
    avid().check_data(SimpleNamespace(num_instances=4))


def test_distances_of_slid_sounds_are_one_minus_the_cosine():
    torch.manual_seed(0)
    encoder = dict(
        type="Encoder", backbone=dict(type="ToySpectrogramNet"), projector=dict(type="MLPProjector", out_channels=3)
    )
    model = MODELS.build(dict(type="GDT", video=encoder, audio=encoder)).eval()
    view = view_for(model.video.backbone)
    many = view._replace(data=torch.stack([view.data, view.data.flip(0)], 1))
    with torch.no_grad():
        found = model.predictions({"video": view, "audio": many})["distances"]
        for k, data in enumerate((view.data, view.data.flip(0))):
            z, z2 = model.embed({"video": view, "audio": view._replace(data=data)})
            torch.testing.assert_close(found[:, k], 1 - F.cosine_similarity(z, z2))
