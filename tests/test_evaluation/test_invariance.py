"""How far features move under a change of the motion: against loops, and on generated people."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmsync.datasets import CenterOnJoint, PackSkeleton, ResizeClip, SkeletonDataset, SyntheticSource
from mmsync.errors import ProtocolError
from mmsync.evaluation.functional import displacement, knn_classify, topk_accuracy
from mmsync.models import STGCN, Encoder, NTXentLoss
from mmsync.structures import View
from mmsync.views import AugmentationSequence, Mirror, RandomRotation, RandomScale, TemporalFlip

SHARED = [RandomRotation((5, 20, 5)), RandomScale((0.9, 1.1))]


def test_displacement_by_loops():
    x, y = torch.randn(2, 13, 5, generator=torch.Generator().manual_seed(0)).double()
    own = [(F.normalize(a, dim=0) - F.normalize(b, dim=0)).norm().item() for a, b in zip(x, y)]
    others = [
        [(F.normalize(x[i], dim=0) - F.normalize(x[j], dim=0)).norm().item() for j in range(13) if j != i]
        for i in range(13)
    ]
    found = displacement(x, y, chunk_size=4)
    assert found.moved == pytest.approx(np.mean(own) / np.mean(others))
    assert found.nearest == pytest.approx(np.mean([d < min(row) for d, row in zip(own, others)]))


def test_displacement_is_0_for_blind_features_and_1_for_another_clip():
    x = torch.randn(400, 8, generator=torch.Generator().manual_seed(0)) + 3
    assert displacement(x, 2 * x) == (pytest.approx(0, abs=1e-6), 1)
    other = displacement(x, x[torch.randperm(400, generator=torch.Generator().manual_seed(1))])
    assert other.moved == pytest.approx(1, abs=0.1)
    assert other.nearest < 0.02
    assert np.isnan(displacement(torch.ones(3, 2), torch.ones(3, 2)).moved)


def test_displacement_compares_the_same_clips():
    for one, two in ((torch.ones(1, 2), torch.ones(1, 2)), (torch.ones(3, 2), torch.ones(4, 2))):
        with pytest.raises(ProtocolError, match="compares two or more clips with the same ones"):
            displacement(one, two)


@pytest.fixture(scope="module")
def people():
    """The layout, and by kind of change the training and test clips: gestures of the right side, and of rising arms."""
    options = dict(num_clips=(160, 80), two_person=0, yaw=(-20, 20), noise=0.5, layout="kinect20")
    pipeline = [CenterOnJoint(frame="first"), ResizeClip(length=24), PackSkeleton(num_persons=1)]
    found = {"mirror": [], "reverse": []}
    for kind, actions in (("mirror", ["wave", "hammer", "kick"]), ("reverse", ["raise_arms"])):
        source = SyntheticSource(actions=actions, **options)
        joints = [[source.layout.joint(f"{side}_{limb}") for limb in ("hand", "foot")] for side in ("left", "right")]
        for split in ("train", "test"):
            data = SkeletonDataset(source, pipeline, split=split)
            clips = data.__getitems__(range(len(data)))["inputs"]["skeleton"].data
            left, right = clips[:, 0, :, joints].diff(dim=1).norm(dim=-1).sum((1, 3)).unbind(1)
            found[kind].append(clips[right > 1.3 * left] if kind == "mirror" else clips[::2])
    return source.layout, found


def motion(clips):
    """Views of the velocities of clips ``(N, M, T, V, 3)``."""
    return View(10 * clips.diff(dim=2))


def trained(clips, pool, views, stream):
    """A small encoder after 30 steps of SimCLR on a stream of the clips."""
    torch.manual_seed(0)
    backbone = STGCN("kinect20", channels=[16, 32], strides=[2, 1], temporal_kernel=5, dropout=0.0)
    encoder = Encoder(backbone, dict(type=pool), dict(type="MLPProjector", out_channels=32))
    augment, criterion = AugmentationSequence(views).bind("kinect20", 3), NTXentLoss(temperature=0.1)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=3e-3)
    for _ in range(30):
        batch = View(clips[torch.randperm(len(clips))[:48]])
        loss = criterion(*(encoder(stream(augment(batch).data)) for _ in range(2)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return encoder.eval()


@torch.no_grad()
def told_apart(encoder, train, test, change, stream):
    """Accuracy of 1-NN at telling test clips from changed ones by clips of other performers, and their displacement."""
    bank, query = (torch.cat([encoder.extract(stream(x)), encoder.extract(stream(change(x)))]) for x in (train, test))
    labels, wanted = (torch.arange(2).repeat_interleave(len(x)) for x in (train, test))
    return topk_accuracy(knn_classify(bank, labels, query, 2, k=1), wanted), displacement(*query.chunk(2))


@pytest.mark.parametrize("kind", ["mirror", "reverse"])
def test_what_the_recipe_keeps_apart_stays_apart(people, kind):
    """One arm from the other, and raising from lowering, unless the views say that both are the same."""
    layout, (train, test) = people[0], people[1][kind]
    flip, augmentation = list(layout.flip_index), (Mirror if kind == "mirror" else TemporalFlip)(prob=0.5)

    def change(x):
        return x[:, :, :, flip] * torch.tensor([-1.0, 1, 1]) if kind == "mirror" else x.flip(2)

    data = train, test, change, motion if kind == "mirror" else View
    kept = told_apart(trained(train, "SegmentPartPool", SHARED, data[3]), *data)
    blind = told_apart(trained(train, "MeanPool", [*SHARED, augmentation], data[3]), *data)
    assert kept[0] > 0.9
    assert blind[0] < 0.7
    assert kept[1].moved > 0.5 > 2 * blind[1].moved
