"""PSTL, HiCLR and SkeleMixCLR: the reference's numbers, masks written plainly, and layouts that they refuse."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from mmsync.errors import ConfigError
from mmsync.models.losses import BarlowTwinsLoss
from mmsync.models.methods import PSTL
from mmsync.ops.part_masks import draw_calm_frames, draw_central_joints, frame_motion
from mmsync.registry import BACKBONES, NECKS
from mmsync.structures import View

from .reference import tensors

BACKBONE = dict(type="STGCN", channels=[6, 6, 8], strides=[1, 2, 1], dropout=0.0, temporal_kernel=3)
ENCODER = dict(type="Encoder", backbone=BACKBONE, projector=dict(type="MLPProjector", out_channels=5, norm=True))


def views(*names: str, frames: int = 10, absent: bool = True) -> dict[str, View]:
    """Different clips, of which all but the first have one person."""
    generator = torch.Generator().manual_seed(0)
    present = torch.ones(4, 2, dtype=torch.bool)
    present[1:, 1] = not absent
    index = torch.arange(float(frames)).expand(4, -1)
    clips = (torch.randn(4, 2, frames, 25, 3, generator=generator) for _ in names)
    return {k: View(x * present[..., None, None, None], present, None, index) for k, x in zip(names, clips)}


# ---------------------------------------------------------------------------------------------------------------- PSTL


def test_the_reference_s_projector_and_loss_with_gradients(fixture_root):
    archive = np.load(fixture_root / "skeleton" / "peer_pstl.npz")
    projector = NECKS.build(
        dict(type="MLPProjector", in_channels=16, out_channels=48, num_layers=3, norm=True, hidden_channels=48)
    )
    state = {k.replace("projector", "layers"): v for k, v in tensors(archive, "bt/").items() if not k.startswith("bn.")}
    missing = projector.load_state_dict(state, strict=False)
    assert (missing.missing_keys, missing.unexpected_keys) == (["layers.6.bias"], [])  # it has no influence
    nn.init.zeros_(projector.layers[6].bias)
    features = [torch.from_numpy(archive[f"feat{i}"]).requires_grad_() for i in (1, 2)]
    loss = BarlowTwinsLoss(2e-4)(*map(projector, features))
    loss.backward()
    np.testing.assert_allclose(loss.item(), archive["loss"], rtol=1e-4)
    for i, feature in enumerate(features, 1):
        np.testing.assert_allclose(feature.grad, archive[f"grad{i}"], rtol=1e-3, atol=1e-5)
    assert projector.layers[6].bias.grad.abs().max() < 1e-4


def test_pstl_is_barlow_twins_of_the_anchor_and_either_masked_view():
    torch.manual_seed(0)
    model, batch = PSTL(ENCODER, redundancy_weight=0.01), views("anchor", "temporal", "spatial")
    twin = copy.deepcopy(model)
    torch.manual_seed(1)
    found = model.loss(batch)
    torch.manual_seed(1)
    at = draw_calm_frames(frame_motion(batch["temporal"].data), 2)
    joints = draw_central_joints(model.degrees, 8)
    anchor = twin.encoder(batch["anchor"])
    frames = batch["temporal"].data[torch.arange(4)[:, None], :, at].transpose(1, 2)
    assert frames.shape == (4, 2, 6, 25, 3)
    temporal = twin.encoder(batch["temporal"]._replace(data=frames, index=at.float()))
    spatial = twin.encoder.forward_without(batch["spatial"], joints)
    for name, other in (("temporal", temporal), ("spatial", spatial)):
        a, b = ((z - z.mean(0)) / (z.var(0, unbiased=False) + 1e-5).sqrt() for z in (anchor, other))
        c = (a.T @ b / 4).detach()
        torch.testing.assert_close(found[f"loss_invariance_{name}"], ((1 - c.diagonal()) ** 2).sum())
        off = 0.01 * ((c**2).sum() - (c.diagonal() ** 2).sum())
        torch.testing.assert_close(found[f"loss_redundancy_{name}"], off)
    masked = model.mask_frames(batch["temporal"])
    assert masked.index.shape == (4, 6)
    default = PSTL(ENCODER)
    assert (default.criterion.redundancy_weight, default.frame_ratio * 50, default.draws) == (2e-4, 10, 8)


def test_the_first_blocks_of_stgcn_know_nothing_of_masked_joints():
    """They equal the blocks of a smaller graph, in training too, where statistics are of the joints that are left."""
    torch.manual_seed(0)
    net = BACKBONES.build(BACKBONE)
    for weight in net.edge_importance:
        nn.init.uniform_(weight, 0.5, 1.5)
    twin, view = copy.deepcopy(net), views("clip")["clip"]
    masked, kept = torch.tensor([0, 7, 20]), [j for j in range(25) if j not in (0, 7, 20)]
    found = net.forward_without(view, masked)
    assert net.first_blocks == 2

    rows = view.data.flatten(0, 1)[view.present.flatten()]
    x = twin.data_bn(rows.flatten(2).flatten(0, 1)).view(rows.shape).permute(0, 3, 1, 2)[..., kept]
    graphs = [twin.A * weight for weight in twin.edge_importance]
    for block, graph in zip(twin.st_gcn_networks[:2], graphs):
        x = block(x, graph[:, kept][:, :, kept])
    whole = x.new_zeros(*x.shape[:3], 25)
    whole[..., kept] = x
    expected = twin.st_gcn_networks[2](whole, graphs[2])
    torch.testing.assert_close(found.data, expected)
    for (name, value), other in zip(net.named_buffers(), twin.buffers()):
        torch.testing.assert_close(value, other, msg=name)
    assert found.data[..., 20].abs().sum() > 0, "later blocks fill them from their neighbors"

    net.eval()
    changed = view.data.clone()
    changed[:, :, :, masked] = 9.0
    torch.testing.assert_close(
        net.forward_without(view._replace(data=changed), masked).data, net.forward_without(view, masked).data
    )
    assert not torch.equal(net(view).data, net.forward_without(view, masked).data)
    torch.testing.assert_close(net.forward_without(view, torch.tensor([], dtype=torch.long)).data, net(view).data)


def test_other_backbones_see_zeros():
    torch.manual_seed(0)
    net = BACKBONES.build(dict(type="SkeletonViT", embed_dim=8, depth=1, num_heads=2, clip_len=12)).eval()
    view, masked = views("clip")["clip"], torch.tensor([3, 8])
    zeroed = view.data.clone()
    zeroed[:, :, :, masked] = 0
    torch.testing.assert_close(net.forward_without(view, masked).data, net(view._replace(data=zeroed)).data)


@pytest.mark.parametrize("layout", ["kinect20", "penn13", "hands42"])
def test_pstl_on_other_layouts(layout):
    torch.manual_seed(0)
    model = PSTL(dict(ENCODER, backbone=dict(BACKBONE, layout=layout)))
    joints = model.encoder.backbone.layout.num_joints
    assert model.draws == int(0.32 * joints)
    batch = {k: View(torch.randn(3, 1, 9, joints, 3)) for k in model.views_needed}
    total, _ = model.parse_losses(model.loss(batch))
    total.backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(frame_ratio=0.5), r"frame_ratio=0.5.*\[0, 0.5\)"),
        (dict(joint_ratio=1.0), r"joint_ratio=1.0.*\[0, 1\)"),
        (dict(redundancy_weight=-1.0), "redundancy_weight=-1.0"),
        (dict(encoder=dict(type="Encoder", backbone=dict(type="AudioVGG", widths=[4]))), "AudioVGG takes no skeletons"),
        (dict(encoder=nn.Linear(3, 4)), "Linear gives no feature map"),
    ],
)
def test_what_pstl_cannot_do_is_reported(wrong, message):
    with pytest.raises(ConfigError, match=message):
        PSTL(**{"encoder": ENCODER, **wrong})
