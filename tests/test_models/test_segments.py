"""Pooling over segments of time and body parts, against loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsync.errors import ConfigError
from mmsync.models.modules import Encoder
from mmsync.models.necks import AttentionPool, MeanPool, SegmentPartPool, SkeletonPool
from mmsync.ops.segments import segment_weights
from mmsync.registry import MODELS
from mmsync.structures import FeatureMap, SkeletonLayout, View
from mmsync.testing import skeletons
from tests.maps import feature_map, video_map

SLIM = dict(type="STGCN", channels=[6, 8], strides=[1, 2], dropout=0.0, temporal_kernel=3)
PARTS = ((0, 3), (1,), (2, 4))


def by_loops(data, valid, segments, parts, statistics):
    """Cells ``(S, K, R, D)`` of one map ``(T', V', D)``, in float64, frame by frame."""
    frames = [t for t in range(len(data)) if valid[t]]
    rows = []
    for number in segments:
        for s in range(number):
            start, end = s * len(frames) / number, (s + 1) * len(frames) / number
            for part in parts:
                seen, weights = [], []
                for rank, t in enumerate(frames):
                    share = min(rank + 1, end) - max(rank, start)
                    if share > 1e-9:
                        seen += [data[t, place] for place in part]
                        weights += [share] * len(part)
                for name in statistics:
                    if not seen:
                        rows.append(np.zeros(data.shape[2]))
                    elif name == "max":
                        rows.append(np.max(seen, 0))
                    else:
                        mean = np.average(seen, 0, weights)
                        deviation = np.sqrt(np.average((seen - mean) ** 2, 0, weights))
                        rows.append(mean if name == "mean" else np.maximum(deviation, 1e-3))
    return np.stack(rows).reshape(-1, len(parts), len(statistics), data.shape[2])


def random_map(seed: int = 0) -> FeatureMap:
    """Three samples of two persons, one of them alone, of 9, 5 and no frames that count, the second with a gap."""
    generator = torch.Generator().manual_seed(seed)
    present = torch.tensor([[True, True], [True, False], [True, True]])
    feature = feature_map(torch.randn(3, 2, 7, 9, 5, generator=generator) + 3, present)
    valid = torch.tensor([[True] * 9, [True, True, False, True, True, True, False, False, False], [False] * 9])
    return feature._replace(valid=valid)


@pytest.mark.parametrize("segments", [1, 3, 4, 8, (1, 2, 4)])
@pytest.mark.parametrize("statistics", [("mean",), ("mean", "max", "std"), ("std",), ("max", "mean")])
def test_cells_by_a_loop_over_frames(segments, statistics):
    feature = random_map()
    pool = SegmentPartPool(segments, PARTS, statistics, in_channels=7)
    numbers = [segments] if isinstance(segments, int) else segments
    expected = np.zeros((3, sum(numbers), 3, len(statistics), 7))
    for n in range(3):
        rows = feature.data[feature.owner == n].double().permute(0, 2, 3, 1).numpy()
        cells = [by_loops(row, feature.valid[n].tolist(), numbers, PARTS, statistics) for row in rows]
        expected[n] = np.mean(cells, 0)
    out = pool(feature)
    assert out.shape == (3, pool.out_channels)
    np.testing.assert_allclose(out.numpy(), expected.reshape(3, -1), atol=2e-6)


def test_one_segment_and_no_parts_is_the_mean():
    feature = random_map()
    torch.testing.assert_close(SegmentPartPool(1, parts=False)(feature), MeanPool()(feature))
    absent = feature_map(torch.randn(2, 2, 4, 6, 5), torch.tensor([[True, False], [True, True]]), skip_absent=False)
    for persons in ("mean", "valid_mean"):
        pool = SegmentPartPool(1, parts=False, persons=persons)
        torch.testing.assert_close(pool(absent), MeanPool(persons)(absent))


def test_segments_are_those_of_each_clip_whatever_stands_behind_it():
    feature = random_map()
    short = feature._replace(data=feature.data[:, :, :6], valid=feature.valid[:, :6])
    noise = torch.where(feature.valid[feature.owner][:, None, :, None], feature.data, torch.tensor(1e4))
    pool = SegmentPartPool(4, PARTS, ("mean", "max", "std"))
    torch.testing.assert_close(pool(feature)[1], pool(short)[1])
    torch.testing.assert_close(pool(feature._replace(data=noise))[1], pool(feature)[1])
    assert not pool(feature)[2].any()


@pytest.mark.parametrize("length", [1, 2, 3, 5, 16, 299])
def test_segments_share_all_frames_equally(length):
    weight = segment_weights(300, [7], torch.arange(300)[None] < length)
    torch.testing.assert_close(weight.sum(2), torch.ones(1, 7))
    torch.testing.assert_close(weight.sum(1)[0, :length], torch.full((length,), 7 / length))
    assert not weight[..., length:].any()


def test_two_persons_are_kept_apart_whatever_their_order():
    data = torch.randn(4, 2, 7, 6, 5)
    pool = SegmentPartPool(2, PARTS, persons="spread", in_channels=7)
    out = pool(feature_map(data))
    assert out.shape == (4, pool.out_channels)
    torch.testing.assert_close(pool(feature_map(data.flip(1))), out)
    mean, away = out.unflatten(1, (2, 3, 2, 7)).unbind(3)
    first, second = (SegmentPartPool(2, PARTS)(feature_map(data[:, i : i + 1])).view_as(mean) for i in (0, 1))
    torch.testing.assert_close(torch.maximum(first, second), mean + away)
    torch.testing.assert_close(torch.minimum(first, second), mean - away)
    alone = pool(feature_map(data[:, :1]))
    assert not alone.unflatten(1, (-1, 2, 7))[:, :, 1].any()


def test_unit_cells_have_length_one():
    out = SegmentPartPool(2, PARTS, ("mean", "std"), unit=True)(feature_map(torch.randn(2, 1, 7, 6, 5)))
    torch.testing.assert_close(out.unflatten(1, (-1, 7)).norm(dim=2), torch.ones(2, 12))


def test_parts_are_those_of_the_backbone_and_probes_see_them():
    encoder = dict(type="Encoder", backbone=SLIM, probe_pool=dict(type="SegmentPartPool", segments=1))
    model = MODELS.build(encoder).eval()
    view = skeletons()
    feature = model.forward_map(view)
    parts = SkeletonPool(joints="parts")
    parts.pooled_channels(model.backbone)
    torch.testing.assert_close(model.extract(view), parts(feature))
    assert 1 < len(SkeletonLayout.get("hands42").named_parts) < 5
    unnamed = SkeletonLayout.from_config(dict(name="own", joints=3, parents=[0, 0, 1]))
    assert unnamed.named_parts == ((0, 1, 2),)
    image = Encoder(dict(type="SkeletonResNet", width=0.0625), pool=dict(type="SegmentPartPool", segments=2)).eval()
    assert image.extract(view).shape == (4, image.pooled_channels) == (4, 2 * image.backbone.out_channels)


def test_any_modality_and_every_width_behind_it():
    clips = torch.randn(3, 7, 8, 2, 4)
    expected = torch.cat([clips[:, :, :4].mean((2, 3, 4)), clips[:, :, 4:].mean((2, 3, 4))], 1)
    torch.testing.assert_close(SegmentPartPool(2)(video_map(clips)), expected)
    projector = dict(type="MLPProjector", out_channels=6)
    model = Encoder(SLIM, dict(type="SegmentPartPool", segments=(1, 2)), projector)
    assert model.pooled_channels == 3 * 5 * 8
    out = model(View(torch.randn(2, 1, 8, 25, 3)))
    out.square().sum().backward()
    assert out.shape == (2, 6)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_gradients_of_still_frames_are_finite():
    data = torch.ones(2, 1, 7, 6, 5, requires_grad=True)
    SegmentPartPool(4, PARTS, ("mean", "max", "std"), "spread", unit=True)(feature_map(data)).sum().backward()
    assert data.grad.isfinite().all()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (dict(segments=0), "segments=0"),
        (dict(segments=()), "segments="),
        (dict(statistics="mean"), "give a list of"),
        (dict(statistics=["median"]), "'median'"),
        (dict(statistics=[]), "statistics="),
        (dict(persons="all"), "SegmentPartPool: persons='all'"),
    ],
)
def test_wrong_arguments_are_refused(wrong, says):
    with pytest.raises(ConfigError, match=says):
        SegmentPartPool(**wrong)


def test_parts_that_the_map_lacks_are_refused():
    with pytest.raises(ConfigError, match="places up to 9, but the map has 5; set parts=False"):
        SegmentPartPool(2, ((0, 9),))(random_map())


@pytest.mark.parametrize("queries", [1, 3])
def test_attention_by_a_loop_over_queries_and_heads(queries):
    torch.manual_seed(0)
    feature = random_map()
    pool = AttentionPool(queries, num_heads=7, in_channels=7)
    out = pool(feature)
    assert out.shape == (3, pool.out_channels) == (3, 7 * queries)
    for n in range(2):
        rows = []
        for row in feature.data[feature.owner == n]:
            tokens = torch.stack([row[:, t, v] for t in range(9) if feature.valid[n, t] for v in range(5)])
            key, value = pool.key(pool.norm(tokens)), pool.value(pool.norm(tokens))
            found = [(q[h] * key[:, h]).softmax(0) @ value[:, h] for q in pool.query for h in range(7)]
            rows.append(torch.stack(found))
        torch.testing.assert_close(out[n], torch.stack(rows).mean(0))


def test_attention_pools_for_the_loss_and_for_probes():
    model = Encoder(SLIM, dict(type="AttentionPool", queries=2), dict(type="MLPProjector", out_channels=6))
    view = skeletons()
    model(view).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.pool_neck.parameters())
    assert model.extract(view).shape == (4, model.pooled_channels) == (4, 16)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (dict(in_channels=None), "give a width"),
        (dict(queries=0), "1 or more queries"),
        (dict(num_heads=3), "num_heads=3 does not divide"),
        (dict(persons="all"), "persons='all'"),
    ],
)
def test_attention_refuses_wrong_arguments(wrong, says):
    with pytest.raises(ConfigError, match=says):
        AttentionPool(**{"in_channels": 8, **wrong})


def test_norm_is_of_the_batch_in_training_and_of_running_statistics_afterwards():
    """After persons are averaged; sums that are constant stay near zero instead of becoming noise."""
    torch.manual_seed(0)
    plain = SegmentPartPool(2, PARTS, in_channels=7)
    neck = SegmentPartPool(2, PARTS, norm=True, in_channels=7)
    seen = []
    for seed in range(200):
        feature = random_map(seed)._replace(valid=None)
        raw, out = plain(feature), neck(feature)
        expected = (raw - raw.mean(0)) / (raw.var(0, unbiased=False) + 1e-3).sqrt()
        torch.testing.assert_close(out, expected)
        seen.append(raw)
    rows = torch.cat(seen)
    out = neck.eval()(feature)
    expected = (raw - rows.mean(0)) / (rows.reshape(200, 3, -1).var(1).mean(0) + 1e-3).sqrt()
    assert (out - expected).abs().mean() < 0.3  # the running statistics are those of about ten batches
    flat = feature._replace(data=feature.data * 0 + 1)
    assert neck.train()(flat).abs().max() < 1e-3


def test_norm_is_rebuilt_for_the_width_of_the_backbone_and_has_no_weights():
    encoder = Encoder(dict(SLIM, layout="ntu25", in_channels=3), pool=dict(type="SegmentPartPool", norm=True))
    assert encoder.pool_neck.norm.num_features == encoder.pooled_channels == 4 * 5 * 8
    assert not list(encoder.pool_neck.parameters())
    assert {"norm.running_mean", "norm.running_var"} <= set(encoder.pool_neck.state_dict())
    assert encoder.probe_neck is encoder.pool_neck
