"""ST-GCN equals the reference numbers, the published sizes, and a plain einsum."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from mmsync.errors import ConfigError, LayoutError
from mmsync.models.backbones.skeleton.stgcn import STGCN, GraphConv
from mmsync.models.modules import Encoder
from mmsync.structures import View
from tests.maps import person_maps

from .reference import encoder_state, load_strictly, tensors, to_mmsync


def slim(**kwargs) -> dict:
    return dict(type="STGCN", width=4, out_channels=24, dropout=0.0, edges="ntu-rgb+d", **kwargs)


class TestReference:
    @pytest.fixture(scope="class")
    def archive(self, fixture_root):
        return np.load(fixture_root / "skeleton" / "stgcn_small.npz")

    @pytest.fixture
    def encoder(self, archive):
        encoder = Encoder(
            slim(), dict(type="SkeletonPool", persons="mean"), dict(type="MLPProjector", out_channels=10, num_layers=1)
        )
        state = {k.replace("fc.", "fc.0."): v for k, v in tensors(archive, "sd/").items()}
        load_strictly(encoder, encoder_state(state))
        return encoder

    def test_eval_logits_and_block_outputs(self, archive, encoder):
        encoder.eval()
        outputs = {}
        for i, block in enumerate(encoder.backbone.st_gcn_networks):
            block.register_forward_hook(lambda _, __, out, i=i: outputs.setdefault(i, out))
        x = to_mmsync(torch.from_numpy(archive["in/x"]))
        with torch.no_grad():
            logits = encoder(View(x, torch.ones(3, 2, dtype=torch.bool)))
        np.testing.assert_allclose(logits, archive["out/logits_eval"], rtol=1e-4, atol=1e-5)
        for i in (0, 4, 7, 9):
            np.testing.assert_allclose(outputs[i], archive[f"out/block{i}"], rtol=1e-4, atol=1e-5)

    def test_training_step_gradients_and_statistics(self, archive, encoder):
        x = torch.from_numpy(archive["in/x"]).requires_grad_()
        logits = encoder(View(to_mmsync(x)))
        np.testing.assert_allclose(logits.detach(), archive["out/logits_train"], rtol=1e-4, atol=1e-5)
        (logits * torch.from_numpy(archive["out/loss_w"])).sum().backward()
        np.testing.assert_allclose(x.grad, archive["out/grad_x"], rtol=1e-3, atol=1e-5)
        gradients = {k: p.grad for k, p in encoder.named_parameters()}
        for key, expected in encoder_state(tensors(archive, "grad/")).items():
            key = key.replace("projector.layers.", "projector.layers.0.")
            scale = expected.abs().max().item()
            np.testing.assert_allclose(gradients[key], expected, rtol=1e-3, atol=1e-4 * scale, err_msg=key)
        state = encoder.state_dict()
        for key, expected in encoder_state(tensors(archive, "after_train_fwd/")).items():
            np.testing.assert_allclose(state[key], expected, rtol=1e-4, atol=1e-5, err_msg=key)


def test_graph_convolution_equals_the_published_order():
    """Mixing joints before channels gives what convolving first and contracting the graph then gives."""
    torch.manual_seed(0)
    layer, x, graph = GraphConv(5, 7, 3).double(), torch.randn(2, 5, 4, 6).double(), torch.rand(3, 6, 6).double()
    y = nn.functional.conv2d(x, layer.conv.weight, layer.conv.bias).view(2, 3, 7, 4, 6)
    expected = torch.einsum("nkctv,kvw->nctw", y, graph)
    torch.testing.assert_close(layer(x.contiguous(memory_format=torch.channels_last), graph), expected)


@pytest.mark.parametrize(("width", "out", "classes", "parameters"), [(64, 256, 60, 3_098_832), (16, 256, 60, 836_800)])
def test_published_sizes(width, out, classes, parameters):
    model = STGCN(width=width, out_channels=out)
    count = sum(p.numel() for p in model.parameters()) + out * classes + classes
    # The published count of the slim network leaves out nothing but buffers either.
    assert count == parameters


@pytest.mark.parametrize("layout", ["ntu25", "kinect20", "sbu15", "hands42"])
@pytest.mark.parametrize("frames", [1, 7, 50])
def test_any_layout_and_length(layout, frames):
    model = STGCN(layout, channels=[4, 8], strides=[1, 2]).eval()
    x = torch.randn(2, 2, frames, model.layout.num_joints, 3)
    assert person_maps(model, x).shape == (2, 2, 8, (frames + 1) // 2, model.layout.num_joints)


def test_another_layout_is_refused_with_the_remedy():
    with pytest.raises(LayoutError, match=r"kinect20.*RemapSkeleton"):
        STGCN("kinect20", width=4)(View(torch.randn(1, 1, 5, 25, 3)))


def test_absent_persons_do_not_touch_the_others():
    """With valid_mean a one-person clip has the same feature alone and beside an empty body, statistics included."""
    torch.manual_seed(0)
    encoder = Encoder(slim())
    alone = torch.randn(3, 1, 8, 25, 3)
    padded = torch.cat([alone, torch.zeros_like(alone)], 1)
    mask = torch.tensor([[True, False]] * 3)
    twin = Encoder(slim())
    twin.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(encoder.extract(View(alone)), twin.extract(View(padded, mask)))
    for key, value in encoder.state_dict().items():
        torch.testing.assert_close(value, twin.state_dict()[key], msg=key)


def test_person_choices_differ_as_they_say():
    """mean halves a one-person clip towards the response to nothing; valid_mean over all computed rows does not."""
    torch.manual_seed(0)
    x = torch.randn(2, 2, 8, 25, 3)
    x[:, 1] = 0
    view = View(x, torch.tensor([[True, False]] * 2))
    encoder = Encoder(slim(), dict(type="SkeletonPool", persons="mean")).eval()
    rows = person_maps(encoder.backbone, x).mean((3, 4))
    torch.testing.assert_close(encoder.extract(view), rows.mean(1))
    masked = Encoder(slim(), skip_absent=False).eval()
    masked.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(masked.extract(view), rows[:, 0])


def test_a_sample_with_nobody_has_a_zero_feature():
    view = View(torch.zeros(2, 1, 8, 25, 3), torch.tensor([[True], [False]]))
    feature = Encoder(slim()).eval().extract(view)
    assert feature[1].abs().max() == 0
    assert torch.isfinite(feature).all()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (dict(channels=[4, 8], strides=[1]), "as many strides"),
        (dict(channels=[4, 8], strides=[1, 1], width=16), "width=16"),
        (dict(strides=[2, 2]), "as many strides"),
    ],
)
def test_contradicting_widths_are_told(wrong, told):
    with pytest.raises(ConfigError, match=told):
        STGCN(**wrong)
