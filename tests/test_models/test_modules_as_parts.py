"""Methods and encoders take modules, and plain tensors, in place of configs and views."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from mmsync.errors import ConfigError, ContractError
from mmsync.models import (
    BYOL,
    STGCN,
    AimCLR,
    BarlowTwins,
    Classifier,
    ContrastiveLoss,
    Encoder,
    InfoNCELoss,
    LinearHead,
    MeanPool,
    MLPProjector,
    MoCo,
    NTXentLoss,
    PlainEncoder,
    SimCLR,
    SimSiam,
    Sync3D,
    VICReg,
    build_encoder,
)
from mmsync.registry import BACKBONES, LOSSES, MODELS
from mmsync.structures import View
from mmsync.views import SkeletonPreprocessor

SLIM = dict(channels=[6, 8], strides=[1, 2], temporal_kernel=3, dropout=0.0)
METHODS = (SimCLR, BYOL, SimSiam, BarlowTwins, VICReg, MoCo)


def clips() -> torch.Tensor:
    return torch.randn(4, 2, 16, 25, 3, generator=torch.Generator().manual_seed(0))


def plain() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(2 * 16 * 25 * 3, 8), nn.ReLU(), nn.Linear(8, 6))


@pytest.mark.parametrize("method", METHODS)
def test_a_module_is_as_good_as_its_config(method):
    torch.manual_seed(0)
    projector = dict(type="MLPProjector", in_channels=8, out_channels=6)
    config = dict(type="Encoder", backbone=dict(type="STGCN", **SLIM), pool=dict(type="MeanPool"), projector=projector)
    by_config = method(encoder=copy.deepcopy(config))
    torch.manual_seed(0)
    by_module = method(encoder=Encoder(STGCN(**SLIM), MeanPool(), MLPProjector(8, 6)))
    by_module.load_state_dict(by_config.state_dict())
    views = {name: View(clips()) for name in by_config.views_needed}
    tensors = {name: view.data for name, view in views.items()}
    one, other = by_config(views, mode="loss"), by_module(tensors, mode="loss")
    assert set(one) == set(other)
    for key, value in one.items():
        torch.testing.assert_close(other[key], value)


@pytest.mark.parametrize("method", METHODS)
def test_a_plain_module_is_an_encoder(method):
    net = plain()
    model = method(encoder=net)
    model.init_weights()
    total, _ = model.parse_losses(model(clips(), mode="loss"))
    total.backward()
    assert all(p.grad is not None for p in net.parameters())
    assert model.encoder.module is net
    torch.testing.assert_close(model(clips(), mode="tensor"), net(clips()))
    assert len(model(clips(), mode="predict")["feature"]) == 4


def test_a_backbone_gets_a_pooling_neck():
    net = STGCN(**SLIM)
    encoder = build_encoder(net)
    assert isinstance(encoder, Encoder)
    assert encoder.backbone is net
    assert encoder(clips()).shape == (4, 8)
    assert encoder.extract(View(clips())).shape == (4, 8)


def test_a_plain_encoder_projects_for_losses_only():
    encoder = PlainEncoder(plain(), dict(type="MLPProjector", out_channels=3))
    assert (encoder.pooled_channels, encoder.out_channels) == (6, 3)
    assert encoder(clips()).shape == (4, 3)
    assert encoder.extract(clips()).shape == (4, 6)


class Lambda(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def test_an_unknown_width_is_asked_for_where_it_is_needed():
    net = Lambda(lambda x: x.flatten(1)[:, :7])
    assert "loss_contrast" in SimCLR(encoder=net)(clips(), mode="loss")
    with pytest.raises(ConfigError, match="give out_channels, the width D of Lambda"):
        MoCo(encoder=net)
    assert MoCo(encoder=PlainEncoder(net, out_channels=7), queue_size=8).queue.keys.shape == (7, 8)


@pytest.mark.parametrize(
    ("net", "found"),
    [(Lambda(lambda x: x), r"\(4, 2, 16, 25, 3\)"), (Lambda(lambda x: [x]), "list"), (Lambda(torch.mean), r"\(\)")],
)
def test_a_plain_module_that_gives_no_embedding_is_refused(net, found):
    with pytest.raises(ContractError, match=f"Lambda returns {found}"):
        SimCLR(encoder=net)(clips(), mode="loss")


def test_methods_that_need_a_map_refuse_a_plain_module():
    for model, inputs in ((AimCLR(encoder=plain()), clips()), (Sync3D(encoder=plain()), clips())):
        with pytest.raises(ConfigError, match="Sequential gives no feature map"):
            model(inputs, mode="loss")
    with pytest.raises(ConfigError, match="Sequential gives no feature map"):
        Classifier(encoder=plain(), head=LinearHead(5, 8))


def test_heads_losses_predictors_and_preprocessors_are_modules_too():
    model = Classifier(encoder=STGCN(**SLIM), head=LinearHead(5, 8))
    assert model(clips()).shape == (4, 5)
    loss = NTXentLoss(temperature=0.5)
    assert SimCLR(encoder=plain(), loss=loss).criterion is loss
    predictor = MLPProjector(6, 6)
    assert BYOL(encoder=plain(), predictor=predictor).predictor is predictor
    views = {name: [dict(type="Shear")] for name in ("first", "second")}
    model = SimCLR(encoder=plain(), data_preprocessor=SkeletonPreprocessor("ntu25", views=views))
    assert set(model.data_preprocessor({"inputs": clips()}, training=True)["inputs"]) == {"first", "second"}


def test_separate_branches_of_a_module_do_not_share_weights():
    net = STGCN(**SLIM)
    model = Sync3D(encoder=net, share_weights=False)
    assert model.encoder.backbone is net
    assert model.second_encoder.backbone is not net


@pytest.mark.parametrize("wrong", ["STGCN", 3, STGCN])
def test_a_name_or_class_is_no_part(wrong):
    with pytest.raises(ConfigError, match=r"dict\(type=...\), or as a built module"):
        SimCLR(encoder=wrong)
    with pytest.raises(ConfigError, match="a backbone is given as"):
        Encoder(wrong)
    with pytest.raises(ConfigError, match="a loss is given as"):
        LOSSES.build(wrong)


def test_a_plain_module_is_no_backbone():
    with pytest.raises(ConfigError, match="Sequential is no backbone: it has no out_channels"):
        Encoder(plain())


def test_registries_build_configs_as_before():
    net = BACKBONES.build(dict(type="STGCN", **SLIM))
    assert BACKBONES.build(net) is net
    with pytest.raises(ConfigError, match="STGNC"):
        MODELS.build(dict(type="SimCLR", encoder=dict(type="Encoder", backbone=dict(type="STGNC"))))


def test_losses_of_two_tensors():
    first, second = torch.randn(2, 6, 4, dtype=torch.float64, requires_grad=True)
    cosine = nn.functional.cosine_similarity(first[:, None], second[None], dim=2) / 0.2
    expected = -(cosine.diagonal() - cosine.logsumexp(1)).mean()
    torch.testing.assert_close(InfoNCELoss(0.2)(first, second), expected)
    loss = ContrastiveLoss()
    with pytest.raises(ContractError, match=r"loss\(loss.distance\(z1, z2\), positive\)"):
        loss(first, second)
    loss(loss.distance(first, second), torch.arange(6) % 2).backward()
