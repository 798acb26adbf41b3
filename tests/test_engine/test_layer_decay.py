"""Every parameter gets the rate of its layer, and nothing is left out."""

from __future__ import annotations

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope

from mmsync.errors import ConfigError
from mmsync.registry import BACKBONES, MODELS

SLIM = dict(type="STGCN", channels=[4, 6, 8], strides=[1, 2, 1], temporal_kernel=3)


def wrapper(model, lr=0.1, **paramwise):
    cfg = dict(
        type="OptimWrapper",
        constructor="LearningRateDecayOptimWrapperConstructor",
        optimizer=dict(type="AdamW", lr=lr, weight_decay=0.05),
        paramwise_cfg=paramwise,
    )
    with DefaultScope.overwrite_default_scope("mmsync"):
        return build_optim_wrapper(model, cfg)


def model_of(backbone):
    head = dict(type="LinearHead", num_classes=5)
    return MODELS.build(dict(type="Classifier", encoder=dict(type="Encoder", backbone=backbone), head=head))


def rates(optim):
    return {id(p): (g["lr"], g["weight_decay"]) for g in optim.optimizer.param_groups for p in g["params"]}


def test_blocks_of_the_stgcn():
    """Three blocks are layers 1 to 3 of 5: 0 is the input's norm, 4 the head."""
    model = model_of(SLIM)
    found = rates(wrapper(model, layer_decay_rate=0.5, flat_decay_mult=0.0))
    assert len(found) == len(list(model.parameters()))
    for name, parameter in model.named_parameters():
        if name.startswith("head."):
            layer = 4
        elif "st_gcn_networks." in name or "edge_importance." in name:
            layer = 1 + int(name.split("st_gcn_networks.")[-1].split("edge_importance.")[-1].split(".")[0])
        else:
            layer = 0
        expected = (0.1 * 0.5 ** (4 - layer), 0.0 if parameter.ndim == 1 else 0.05)
        assert found[id(parameter)] == pytest.approx(expected), name


@pytest.mark.parametrize("name", ["SkeletonViT", "DSTformer"])
def test_depth_of_the_transformers(name):
    if BACKBONES.find(name) is None:
        pytest.skip(f"no {name}")
    from tests.test_conformance import example

    model = model_of(example(name))
    found = {name: rates(wrapper(model, layer_decay_rate=0.5))[id(p)][0] for name, p in model.named_parameters()}
    places = [model.encoder.backbone.get_layer_depth(n) for n, _ in model.encoder.backbone.named_parameters()]
    total = places[0][1]
    assert {layer for layer, _ in places} <= set(range(total))
    assert min(found.values()) == pytest.approx(0.1 * 0.5 ** (total - 1))
    assert found["head.fc.weight"] == pytest.approx(0.1)


def test_rate_one_changes_nothing_and_groups_are_few():
    model = model_of(SLIM)
    optim = wrapper(model, layer_decay_rate=1.0)
    assert [g["lr"] for g in optim.optimizer.param_groups] == [0.1]
    assert len(wrapper(model, layer_decay_rate=0.5, flat_decay_mult=0.0).optimizer.param_groups) <= 10


def test_custom_keys_come_on_top():
    model = model_of(SLIM)
    found = rates(wrapper(model, layer_decay_rate=0.5, custom_keys={"head": dict(lr_mult=10.0)}))
    assert found[id(model.head.fc.weight)][0] == pytest.approx(1.0)


@pytest.mark.parametrize("rate", [None, 0.0, 1.5])
def test_a_rate_out_of_range_is_refused(rate):
    with pytest.raises(ConfigError, match="layer_decay_rate"):
        wrapper(model_of(SLIM), **({} if rate is None else {"layer_decay_rate": rate}), flat_decay_mult=0.0)


def test_a_backbone_without_layers_is_refused():
    class Plain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = torch.nn.Linear(2, 2)

    with pytest.raises(ConfigError, match=r"Linear has no get_layer_depth"):
        wrapper(Plain(), layer_decay_rate=0.5)
    with pytest.raises(ConfigError, match=r"no module called `backbone`"):
        wrapper(torch.nn.Linear(2, 2), layer_decay_rate=0.5)
