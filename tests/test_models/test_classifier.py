"""Heads equal their definition, and a classifier takes the encoder of a pretraining and nothing else of it."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from mmsync.engine.checkpoint import load_weights
from mmsync.errors import CheckpointError, ConfigError, DataError, LayoutError, ProtocolError
from mmsync.models.heads import ActionHead, LinearHead
from mmsync.models.necks import SkeletonPool
from mmsync.models.necks.pool import joint_features
from mmsync.registry import MODELS
from mmsync.structures import MotionSample, SkeletonLayout, View
from tests.maps import feature_map

N, M, D, T, V = 3, 2, 4, 5, 6
SLIM = dict(type="STGCN", channels=[6, 8], strides=[1, 2], dropout=0.1, temporal_kernel=3)
ENCODER = dict(type="Encoder", backbone=SLIM)


def maps():
    g = torch.Generator().manual_seed(0)
    mask = torch.tensor([[True, True], [True, False], [True, False]])
    return torch.randn(N, M, D, T, V, generator=g), mask


@pytest.mark.parametrize(("skip", "count"), [(True, False), (False, False), (False, True)])
def test_joint_features_by_a_loop(skip, count):
    x, mask = maps()
    found = joint_features(feature_map(x, mask, skip), count)
    for n in range(N):
        rows = [x[n, m].mean(1).T.reshape(-1) for m in range(M) if count or mask[n, m]]  # joint, then channel
        torch.testing.assert_close(found[n], torch.stack(rows).mean(0))


def test_action_head_is_the_published_stack():
    """Against modules put together by hand on a batch where everybody is there."""
    torch.manual_seed(0)
    head = ActionHead(num_classes=7, in_channels=D, num_joints=V, hidden_channels=9).train()
    x = maps()[0]
    with torch.no_grad():
        feature = head.drop.eval()(x)
        flat = feature.mean(3).permute(0, 1, 3, 2).reshape(N, M, V * D).mean(1)
        bn = nn.BatchNorm1d(9).train()
        expected = head.fc2(torch.relu(bn(head.fc1(flat))))
    torch.testing.assert_close(head(feature_map(x), SkeletonPool()), expected)
    assert [k for k, _ in head.named_parameters()] == [
        *("fc1.weight", "fc1.bias", "bn.weight", "bn.bias", "fc2.weight", "fc2.bias")
    ]


def test_linear_head_is_linear_on_the_pooled_feature():
    x, mask = maps()
    head, packed = LinearHead(num_classes=3, in_channels=D), feature_map(x, mask)
    torch.testing.assert_close(head(packed, SkeletonPool()), head.fc(SkeletonPool()(packed)))


def test_heads_tell_what_they_lack():
    with pytest.raises(ConfigError, match="num_classes"):
        LinearHead(in_channels=3)
    with pytest.raises(ConfigError, match="num_joints"):
        ActionHead(num_classes=3, in_channels=3)
    head = ActionHead(num_classes=3, in_channels=D, num_joints=V + 1, hidden_channels=4)
    with pytest.raises(ConfigError, match=r"built for 7 joints.*LinearHead"):
        head(feature_map(maps()[0]), SkeletonPool())


# ---------------------------------------------------------------------------------------------- classifier


def classifier(head="LinearHead", **options):
    torch.manual_seed(0)
    config = dict(type="Classifier", encoder=ENCODER, head=dict(type=head, num_classes=5), **options)
    return MODELS.build(config)


def clips():
    torch.manual_seed(1)
    view = View(torch.randn(N, M, 8, 25, 3), maps()[1])
    samples = [MotionSample(metainfo={"name": f"c{i}", "index": i}, gt_label=i) for i in range(N)]
    return view, samples


def test_loss_is_cross_entropy_with_label_smoothing():
    model = classifier(label_smoothing=0.1, eval_mode=True)
    view, samples = clips()
    found = model({"clip": view}, samples, mode="loss")
    logp = model(view).log_softmax(1)
    expected = -(0.9 * logp[range(N), range(N)] + 0.1 * logp.mean(1)).mean()
    torch.testing.assert_close(found["loss_ce"], expected)
    assert found["top1"] == (logp.argmax(1) == torch.arange(N)).float().mean()


def test_predict_gives_scores_feature_and_the_clips_facts():
    model = classifier("ActionHead").eval()
    view, samples = clips()
    out = model(view, samples, mode="predict")
    torch.testing.assert_close(out["score"], model(view))
    torch.testing.assert_close(out["feature"], model.encoder.extract(view))
    assert list(zip(out["name"], out["label"].tolist())) == [("c0", 0), ("c1", 1), ("c2", 2)]


@pytest.mark.parametrize("video", [False, True])
def test_a_pair_is_classified_by_both_features_side_by_side(video):
    backbone = dict(type="I3D", width=0.0625) if video else SLIM
    torch.manual_seed(0)
    encoder = dict(type="Encoder", backbone=backbone)
    head = dict(type="LinearHead", num_classes=5)
    model = MODELS.build(dict(type="Classifier", encoder=encoder, head=head, num_tracks=2)).eval()
    x = torch.randn(N, 2, 3, 9, 32, 32) if video else torch.randn(N, 2, 12, 25, 3)
    feature = [model.encoder.extract(View(x[:, k] if video else x[:, k : k + 1])) for k in (0, 1)]
    feature = torch.cat(feature, 1)
    torch.testing.assert_close(model(View(x, torch.ones(N, 2, dtype=torch.bool))), model.head.fc(feature))
    torch.testing.assert_close(model(View(x), mode="predict")["feature"], feature)
    for wrong in (View(x[:, :1]), View(x, torch.tensor([[True, True], [True, False], [True, True]]))):
        with pytest.raises(DataError, match="num_tracks=2"):
            model(wrong)


@pytest.mark.parametrize("label", [5, -1])
def test_a_label_without_a_class_is_reported(label):
    view, samples = clips()
    samples[1].gt_label = label
    with pytest.raises(ProtocolError, match=rf"clip c1 has label {label}, but model.head has 5 classes"):
        classifier()({"clip": view}, samples, mode="loss")


def test_eval_mode_keeps_dropout_off_and_statistics_still():
    model, view = classifier(eval_mode=True), clips()
    before = copy.deepcopy(model.state_dict())
    model.train()
    model({"clip": view[0]}, view[1], mode="loss")["loss_ce"].backward()
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert model.head.fc.weight.grad.abs().sum() > 0
    assert classifier().train().training


@pytest.mark.parametrize(("feature_from", "prefix"), [("query", "encoder."), ("key", "key_encoder.module.")])
def test_it_takes_the_encoder_of_a_pretraining(feature_from, prefix):
    torch.manual_seed(5)
    projector = dict(type="MLPProjector", out_channels=6)
    preprocessor = dict(type="SkeletonPreprocessor", layout="ntu25", seed=11)
    method = MODELS.build(
        dict(type="SkeletonCLR", encoder={**ENCODER, "projector": projector}, queue_size=8, key_init="reference")
        | dict(feature_from=feature_from, data_preprocessor=preprocessor)
    )
    model = classifier(load_prefix=prefix, data_preprocessor={**preprocessor, "seed": 12}).eval()
    match = load_weights(model, method.state_dict(), "x.pth")
    assert match.backbone == 1
    view = clips()[0]
    torch.testing.assert_close(model.encoder.extract(view), method.eval()(view))
    assert model.data_preprocessor.seed == 12, "the augmentation is this run's"
    again = classifier()
    load_weights(again, model.state_dict(), "finetuned.pth", strict=False)  # a classifier's own file fits as it is
    assert torch.equal(again.head.fc.weight, model.head.fc.weight)


def test_it_refuses_the_encoder_of_another_network():
    other = {"encoder." + k: v for k, v in nn.Sequential(nn.Linear(2, 2)).state_dict().items()}
    with pytest.raises(CheckpointError, match="of another model"):
        load_weights(classifier(), other, "x.pth")


def test_a_pool_that_keeps_joints_is_what_everyone_behind_it_sees():
    """The encoder's widths, the projector's and the linear head's follow from it; a map without joints is reported."""
    encoder = dict(ENCODER, pool=dict(type="SkeletonPool", joints="keep"), projector=dict(type="MLPProjector"))
    model = MODELS.build(encoder).eval()
    x, mask = torch.randn(3, 2, 8, 25, 3), torch.tensor([[True, True], [True, False], [True, False]])
    feature = model.forward_map(View(x, mask))
    torch.testing.assert_close(model.extract(View(x, mask)), joint_features(feature))
    assert model.pooled_channels == 25 * 8
    assert model(View(x, mask)).shape == (3, 128)
    classifier = MODELS.build(dict(type="Classifier", encoder=encoder, head=dict(type="LinearHead", num_classes=4)))
    assert classifier.head.fc.in_features == 25 * 8
    with pytest.raises(ConfigError, match="joints='mean'"):
        model.pool(feature._replace(data=feature.data.mean(3, keepdim=True)))
    with pytest.raises(ConfigError, match="use 'mean', 'keep'"):
        SkeletonPool(joints="kept")


def test_body_parts_by_a_loop_and_as_what_probes_see():
    encoder = dict(ENCODER, probe_pool=dict(type="SkeletonPool", joints="parts"))
    model = MODELS.build(encoder).eval()
    view = View(torch.randn(2, 1, 8, 25, 3))
    feature = model.forward_map(view)
    parts = SkeletonLayout.get("ntu25").body_parts
    assert sorted(joint for part in parts for joint in part) == list(range(25))
    expected = torch.cat([feature.data[..., list(part)].mean((2, 3)) for part in parts], 1)
    torch.testing.assert_close(model.extract(view), expected)
    torch.testing.assert_close(model(view), feature.data.mean((2, 3)))  # the loss sees what it saw
    with pytest.raises(LayoutError, match="no joint of the left leg"):
        _ = SkeletonLayout.get("hands42").body_parts


@pytest.mark.parametrize("name", ["kinect20", "sbu15", "coco17", "h36m17", "openpose25", "penn13", "jhmdb15"])
def test_left_and_right_parts_are_mirrors(name):
    layout = SkeletonLayout.get(name)
    _, left_arm, right_arm, left_leg, right_leg = layout.body_parts
    for left, right in ((left_arm, right_arm), (left_leg, right_leg)):
        assert sorted(layout.flip_index[j] for j in left) == sorted(right)


def test_a_head_of_single_joints_is_refused_for_tracks():
    with pytest.raises(ConfigError, match=r"model.head: ActionHead .*num_tracks=2 .*LinearHead"):
        MODELS.build(
            dict(type="Classifier", encoder=ENCODER, head=dict(type="ActionHead", num_classes=3), num_tracks=2)
        )


def test_wrong_and_absent_tracks_are_told_apart():
    head = dict(type="LinearHead", num_classes=3)
    model = MODELS.build(dict(type="Classifier", encoder=ENCODER, head=head, num_tracks=2)).eval()
    clips = torch.randn(3, 2, 8, 25, 3)
    with pytest.raises(DataError, match=r"have 1 tracks: set model\.num_tracks=1"):
        model({"clip": View(clips[:, :1])})
    present = torch.tensor([[True, True], [True, False], [True, True]])
    with pytest.raises(DataError, match="1 of 3 clips of the batch lack a track, the first is number 1"):
        model({"clip": View(clips, present)})


@pytest.mark.parametrize("wrong", [dict(label_smoothing=1.0), dict(label_smoothing=-0.1), dict(num_tracks=0)])
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        MODELS.build(dict(type="Classifier", encoder=ENCODER, head=dict(type="LinearHead", num_classes=3), **wrong))
