"""PSTL, HiCLR and SkeleMixCLR: the reference's numbers, masks written plainly, and layouts that they refuse."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmsync.errors import ConfigError, LayoutError
from mmsync.models.losses import BarlowTwinsLoss
from mmsync.models.losses.info_nce import multi_positive_nce
from mmsync.models.methods import PSTL, HiCLR, SkeleMixCLR
from mmsync.ops.part_masks import (
    draw_calm_frames,
    draw_central_joints,
    draw_joints_of_frames,
    draw_part_block,
    frame_motion,
)
from mmsync.registry import BACKBONES, NECKS
from mmsync.structures import SkeletonLayout, View

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


# --------------------------------------------------------------------------------------------------------------- HiCLR


@pytest.mark.parametrize("mining_epoch", [None, 0])
def test_hiclr_matches_each_view_with_the_one_before(mining_epoch):
    """Written from the probabilities, and with the gradient that stops at each target."""
    torch.manual_seed(0)
    model = HiCLR(ENCODER, queue_size=9, temperature=0.2, mining_epoch=mining_epoch, mining_topk=2)
    model.init_weights()
    nn.init.constant_(model.mask_value, 0.7)
    twin, batch = copy.deepcopy(model), views(*model.views_needed)
    torch.manual_seed(1)
    found = model.loss(batch)
    sum(v for k, v in found.items() if "loss" in k).backward()

    torch.manual_seed(1)
    hidden, masked = draw_joints_of_frames(10, 25, 2), batch["masked"].data.clone()
    assert hidden.sum() == 20
    masked[:, :, hidden] = 0.0
    masked = masked + twin.mask_value * hidden[:, :, None]
    key = F.normalize(twin.key_encoder(batch["key"]), dim=1)
    logits = []
    for view in (batch["query"], batch["normal"], batch["masked"]._replace(data=masked)):
        z = F.normalize(twin.encoder(view), dim=1)
        logits.append(torch.cat([(z * key).sum(1, keepdim=True), z @ twin.queue.keys], 1) / 0.2)
    p = [x.softmax(1) for x in logits]
    normal, hard = (-(p[i].detach() * p[i + 1].log()).sum(1).mean() / 2 for i in (0, 1))
    torch.testing.assert_close(found["loss_d3m_normal"], normal)
    torch.testing.assert_close(found["loss_d3m_masked"], hard)
    if mining_epoch is None:
        first = -p[0][:, 0].log().mean()
        torch.testing.assert_close(found["loss_infonce"], first)
    else:
        near = torch.zeros(4, 9)
        for x in logits:
            near.scatter_(1, x[:, 1:].topk(2, 1).indices, 1)
        first = multi_positive_nce(logits[0], F.pad(near, (1, 0), value=1))
        torch.testing.assert_close(found["loss_mining"], first)
    (first + normal + hard).backward()
    assert twin.mask_value.grad.abs() > 1e-6
    for (name, p), q in zip(model.named_parameters(), twin.parameters()):
        if p.grad is not None:
            torch.testing.assert_close(p.grad, q.grad, atol=1e-5, rtol=1e-4, msg=lambda m, k=name: f"{k}: {m}")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(mask_ratio=0.03), "mask_ratio=0.03 masks 0 of 25 joints"),
        (dict(mask_ratio=1.0), "mask_ratio=1.0 masks 25 of 25 joints"),
        (dict(mining={}, mining_epoch=3), "mining_epoch=3"),
        (dict(encoder=dict(type="Encoder", backbone=dict(type="AudioVGG", widths=[4]))), "AudioVGG takes no skeletons"),
    ],
)
def test_what_hiclr_cannot_do_is_reported(wrong, message):
    with pytest.raises(ConfigError, match=message):
        HiCLR(**{"encoder": ENCODER, "queue_size": 9, **wrong})


# ---------------------------------------------------------------------------------------------------------- SkeleMixCLR


def test_skelemixclr_contrasts_both_regions_with_their_own_keys():
    """Clip by clip, on 64 frames of which four become one, where regions are whole places of the map."""
    torch.manual_seed(0)
    strided = dict(ENCODER, backbone=dict(BACKBONE, strides=[2, 2, 1]))
    model = SkeleMixCLR(strided, queue_size=9, temperature=0.3)
    model.init_weights()
    twin, batch = copy.deepcopy(model), views("query", "key", frames=64, absent=False)
    torch.manual_seed(1)
    found = model.loss(batch)

    torch.manual_seed(1)
    shift = int(torch.randint(1, 4, ()))
    mask = draw_part_block(SkeletonLayout.get("ntu25").body_parts, 25, 64)
    mixed = batch["query"].data.clone()
    for i in range(4):
        mixed[i, :, mask] = batch["query"].data[(i + shift) % 4][:, mask]
    z = F.normalize(twin.encoder(batch["query"]), dim=1)
    key = F.normalize(twin.key_encoder(batch["key"]), dim=1)
    maps = twin.encoder.backbone(batch["query"]._replace(data=mixed)).data.unflatten(0, (4, 2))
    small = mask[::4]
    assert maps.shape[3:] == small.shape == (16, 25)

    def nce(z: torch.Tensor, positive: torch.Tensor) -> torch.Tensor:
        terms = [torch.cat([z[i] @ positive[i, :, None], z[i] @ twin.queue.keys]) / 0.3 for i in range(4)]
        return -torch.stack([row.log_softmax(0)[0] for row in terms]).mean()

    torch.testing.assert_close(found["loss_infonce"], nce(z, key))
    pasted, rest = (F.normalize(twin.encoder.project(maps[..., m].mean((1, 3))), dim=1) for m in (small, ~small))
    torch.testing.assert_close(found["loss_pasted"], nce(pasted, key.roll(-shift, 0)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found["loss_rest"], nce(rest, key), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(model.queue.keys[:, :4], key.T)


def test_repeats_are_averaged():
    torch.manual_seed(0)
    model, batch = SkeleMixCLR(ENCODER, queue_size=9, repeats=3).eval(), views("query", "key", frames=16)
    state, single = copy.deepcopy(model.state_dict()), SkeleMixCLR(ENCODER, queue_size=9).eval()
    torch.manual_seed(1)
    found = model.loss(batch)
    torch.manual_seed(1)
    parts = []
    for _ in range(3):  # the draws go on where those of the one before ended
        single.load_state_dict(state)
        parts.append(single.loss(batch))
    for name in ("loss_infonce", "loss_pasted", "loss_rest"):
        torch.testing.assert_close(found[name], sum(part[name] for part in parts) / 3)
    assert model.temperature == 0.2


def test_mixed_clips_show_who_is_in_either():
    """The donor's second person is pasted onto nobody."""
    model, batch = SkeleMixCLR(ENCODER, queue_size=9), views("query", "key", frames=16)
    seen = []
    model.encoder.backbone.register_forward_hook(lambda module, args, out: seen.append(args[0]))
    model.loss(batch)
    mixed = seen[-1]
    donor = (mixed.present & ~batch["query"].present).any(1).nonzero().flatten()
    assert len(donor) == 1
    assert mixed.data[donor, 1].abs().sum() > 0
    assert mixed.present.sum() == 6


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(num_parts=(2, 5)), r"num_parts=\(2, 5\).*high <= 4"),
        (dict(num_parts=(3, 2)), r"num_parts=\(3, 2\)"),
        (dict(block=(0, 11)), r"block=\(0, 11\).*high <= 16"),
        (dict(repeats=0), "repeats=0"),
        (dict(encoder=dict(type="Encoder", backbone=dict(type="AudioVGG", widths=[4]))), "AudioVGG takes no skeletons"),
    ],
)
def test_what_skelemixclr_cannot_do_is_reported(wrong, message):
    with pytest.raises(ConfigError, match=message):
        SkeleMixCLR(**{"encoder": ENCODER, "queue_size": 9, **wrong})


def test_a_layout_without_body_parts_is_refused():
    with pytest.raises(LayoutError, match=r"hands42.*no body parts"):
        SkeleMixCLR(dict(ENCODER, backbone=dict(BACKBONE, layout="hands42")), queue_size=9)
