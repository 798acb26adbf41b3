"""An encoder that learns beside one that does not."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F

from mmsync.errors import ConfigError
from mmsync.registry import MODELS
from mmsync.structures import View

BACKBONE = dict(type="STGCN", layout="kinect20", channels=[4, 8], strides=[1, 1], dropout=0.0)
FROZEN = dict(type="Encoder", backbone=BACKBONE, pool=dict(type="SegmentPartPool", segments=2, norm=True))


def method(**encoder):
    torch.manual_seed(0)
    projector = dict(type="MLPProjector", hidden_channels=8, out_channels=8)
    return MODELS.build(
        dict(type="SimCLR", encoder=dict(type="Encoder", backbone=BACKBONE, projector=projector, **encoder))
    )


def clips(count=6):
    return View(torch.randn(count, 1, 16, 20, 3, generator=torch.Generator().manual_seed(1)))


def test_features_are_those_of_both_of_one_length():
    model = method(frozen=FROZEN).eval()
    given, learned = model.encoder.frozen.extract(clips()), model.encoder.pool(model.encoder.forward_map(clips()))
    found = model.extract_feat({"clip": clips()})
    assert found.shape[1] == given.shape[1] + learned.shape[1]
    torch.testing.assert_close(found.norm(dim=1), torch.full((6,), (2 * learned.shape[1]) ** 0.5))
    wanted = (F.cosine_similarity(given[0], given[1:]) + F.cosine_similarity(learned[0], learned[1:])) / 2
    torch.testing.assert_close(F.cosine_similarity(found[0], found[1:]), wanted)


def test_training_is_that_of_the_encoder_alone_and_leaves_the_frozen_one():
    plain, both = method(), method(frozen=FROZEN)
    match = both.load_state_dict(plain.state_dict(), strict=False)
    assert all(key.startswith("encoder.frozen.") for key in match.missing_keys)
    before = copy.deepcopy(both.encoder.frozen.state_dict())
    losses = []
    for model in (plain, both):
        model.train()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(2):
            loss = model({"first": clips(), "second": View(clips().data.flip(2))}, mode="loss")["loss_contrast"]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss)
    assert torch.equal(*losses)
    both.extract_feat({"clip": clips()})  # of training mode, in which batch norm would learn
    assert all(torch.equal(value, before[key]) for key, value in both.encoder.frozen.state_dict().items())
    assert any(not torch.equal(a, b) for a, b in zip(plain.parameters(), method().parameters()))


def test_what_cannot_be_is_refused():
    frames = method(frozen=dict(FROZEN, pool=dict(type="FramePool"))).eval()
    with pytest.raises(ConfigError, match="features of frames are not whitened or put side by side"):
        frames.extract_feat({"clip": clips()})
