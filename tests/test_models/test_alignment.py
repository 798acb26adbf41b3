"""Encoders, context and necks of the alignment family: the reference's numbers, naive formulas, and no padding."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmsync.errors import ConfigError, DataError
from mmsync.models.backbones import (
    CARLTransformerHead,
    ConvContextEmbedder,
    FrameMLP,
    FusedFrames,
    RawFrames,
    SkeletonFrames,
)
from mmsync.models.modules import BatchNorm, CrossContext, Encoder
from mmsync.models.modules.alignment import ContextLayer
from mmsync.models.necks import AlignProjector, ClipClusterPredictor, MultiHeadNeck
from mmsync.ops.attention import attention, default_heads, linear_attention, sine_positions
from mmsync.ops.frames import FrameGrid
from mmsync.structures import View

BONE = dict(name="bone2", joints=2, parents=[0, 0])
STGCN = dict(type="STGCN", layout=BONE, channels=[6, 8], strides=[1, 2], temporal_kernel=3)
BACKBONES = {
    "FrameMLP": lambda: FrameMLP(6, widths=[8, 5]),
    "RawFrames": lambda: RawFrames(6),
    "FusedFrames": lambda: FusedFrames([4, 2], [dict(type="FrameMLP"), dict(type="RawFrames")], out_channels=7),
    "SkeletonFrames": lambda: SkeletonFrames(STGCN),
    "ConvContextEmbedder": lambda: ConvContextEmbedder(6, out_channels=8, stride=2, conv_channels=[8], widths=[8]),
    "CARLTransformerHead": lambda: CARLTransformerHead(
        6, widths=[8], dim=8, num_layers=2, num_heads=2, hidden_dim=8, out_channels=8, train_frames=9
    ),
}
LENGTHS = (20, 13, 7, 1)


@pytest.fixture
def specs(data_root):
    folder = data_root.parent / "specs" / "keys"
    if not folder.is_dir():
        pytest.skip(f"names of published checkpoints: {folder} is no folder")
    return folder


@pytest.fixture(scope="module")
def casa(fixture_root):
    archive = np.load(fixture_root / "alignment" / "casa_penn_sim0.npz")
    return {key: torch.from_numpy(archive[key]) for key in archive.files if archive[key].dtype.kind == "f"}


def batch(more: int = 0, channels: int = 6, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Sequences ``(4, 20 + more, C)`` of ``LENGTHS``, where the padding is noise, and what of them is valid."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(4, 20, channels, generator=generator)
    valid = torch.arange(20 + more) < torch.tensor(LENGTHS)[:, None]
    x = torch.cat([x, x.new_zeros(4, more, channels)], 1)
    noise = 9 * torch.randn(x.shape, generator=torch.Generator().manual_seed(more + 1))
    return torch.where(valid[..., None], x, noise), valid


def randomized(module: nn.Module) -> nn.Module:
    for part in module.modules():
        if isinstance(part, BatchNorm):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    return module.eval()


# --- the reference's numbers


def casa_parts(casa) -> tuple[FrameMLP, CrossContext, nn.Sequential]:
    state = {key[2:]: value for key, value in casa.items() if key.startswith("w.")}
    mlp = FrameMLP(75, num_layers=2)
    mlp.load_state_dict(
        {f"layers.{i}.{k}": state[f"backbone.fc{i + 1}.{k}"] for i in (0, 1) for k in ("weight", "bias")}
    )
    context = CrossContext(75, ("self", "cross") * 4, mask=False)
    context.load_state_dict({k[len("casa_coarse.") :]: v for k, v in state.items() if k.startswith("casa_coarse.")})
    head = nn.Sequential(nn.Linear(75, 75), nn.ReLU(), nn.Linear(75, 75))
    head.load_state_dict(
        {f"{2 * i}.{k}": state[f"backbone_ph.fc{i + 1}.{k}"] for i in (0, 1) for k in ("weight", "bias")}
    )
    return mlp, context, head


@torch.no_grad()
def test_casa_equals_the_reference_with_padding_attended(casa):
    mlp, context, head = casa_parts(casa)
    first, second = (mlp.forward_frames(casa[f"kp{i}"].float().flatten(2), None) for i in (0, 1))
    nothing = torch.zeros(2, 30, dtype=torch.bool)  # mask=False looks at no mask
    found = context(first, nothing, second, nothing)
    for i in (0, 1):
        torch.testing.assert_close(found[i], casa[f"emb{i}"], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(head(found[i]), casa[f"z{i}"], rtol=1e-4, atol=1e-5)
    evaluated, _ = context(first, None, first, None)
    torch.testing.assert_close(evaluated, casa["emb_eval"], rtol=1e-4, atol=1e-5)


def test_positions_equal_the_reference_and_the_formula(casa):
    torch.testing.assert_close(sine_positions(torch.arange(30), 76), casa["pe_head"], rtol=1e-4, atol=1e-5)
    odd = sine_positions(torch.arange(30), 75)
    torch.testing.assert_close(odd, casa["pe_head"][:, :75], rtol=1e-4, atol=1e-5)
    carl = sine_positions(torch.tensor([2.5]), 6, paired=False)[0]
    wanted = [f(2.5 / 10000 ** (c / 6)) for c, f in enumerate([np.sin, np.cos] * 3)]  # the exponent of its own column
    np.testing.assert_allclose(carl, wanted, rtol=1e-5)


@pytest.mark.parametrize(("channels", "count"), [(75, 475_200), (126, 1_338_120), (51, 220_320)])
def test_casa_has_as_many_parameters_as_published(channels, count):
    parts = (
        FrameMLP(channels, num_layers=2),
        CrossContext(channels, ("self", "cross") * 4),
        FrameMLP(channels, num_layers=2),
    )
    assert sum(p.numel() for part in parts for p in part.parameters()) == count


@pytest.mark.parametrize("name", ["rgb_1536_128", "skeleton_penn_75", "skeleton_h2o_126"])
def test_masa_has_the_recommended_shapes(specs, name):
    wanted = json.loads((specs / "masa_recommended_shapes.json").read_text())[name]
    inside, _ = wanted["backbone.layers.0.weight"][::-1]
    mlp = FrameMLP(inside, (512, 512, 128)) if name.startswith("rgb") else FrameMLP(inside)
    channels = mlp.out_channels
    parts = mlp, CrossContext(channels), AlignProjector(channels), ClipClusterPredictor(channels)
    found = Counter(tuple(v.shape) for part in parts for v in part.state_dict().values())
    assert found == Counter(map(tuple, wanted.values()))
    for prefix, part in (("backbone", mlp), ("neck", parts[1]), ("predictor", parts[3])):
        own = {f"{prefix}.{key}": list(value.shape) for key, value in part.state_dict().items()}
        assert own == {key: shape for key, shape in wanted.items() if key.startswith(prefix)}


def test_default_heads_are_those_of_casa_and_of_the_fused_widths():
    wanted = {128: 8, 75: 15, 126: 21, 51: 17, 203: 7, 254: 2, 256: 8}
    assert {channels: default_heads(channels) for channels in wanted} == wanted


# --- naive formulas


def test_linear_attention_is_the_quadratic_formula():
    query, key, value = torch.randn(3, 2, 3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    valid = torch.tensor([[True] * 5, [True, True, False, True, False]])
    phi = [torch.where(x > 0, x + 1, x.exp()) for x in (query, key)]
    weights = torch.einsum("bhld,bhsd->bhls", *phi) * valid[:, None, None]
    wanted = weights @ value / weights.sum(-1, keepdim=True)
    torch.testing.assert_close(linear_attention(query, key, value, valid), wanted, rtol=1e-5, atol=1e-7)


def test_masked_softmax_is_attention_to_the_valid_keys_of_each_sequence():
    query, key, value = torch.randn(3, 3, 6, 8, generator=torch.Generator().manual_seed(0))
    valid = torch.tensor([[True] * 6, [True, True, True, False, True, False], [False] * 6])
    found = attention(query, key, value, 2, "softmax", valid)
    for n in (0, 1):
        for h in (slice(0, 4), slice(4, 8)):
            weights = (query[n, :, h] @ key[n, valid[n], h].T / 2).softmax(1)
            torch.testing.assert_close(found[n, :, h], weights @ value[n, valid[n], h])
    assert torch.isfinite(found).all()


def test_many_heads_are_the_weighted_mean_of_their_perceptrons():
    torch.manual_seed(0)
    neck, x = MultiHeadNeck(8, out_channels=5, num_heads=3, hidden_channels=4), torch.randn(6, 8)
    gate, wanted = neck.gate(x).softmax(1), 0
    for k in range(3):
        rows = slice(4 * k, 4 * k + 4)
        hidden = F.linear(x, neck.fc1.weight[rows], neck.fc1.bias[rows]).relu()
        wanted = wanted + gate[:, k : k + 1] * F.linear(hidden, neck.fc2.weight[:, rows], neck.bias.weight[:, k])
    torch.testing.assert_close(neck(x), wanted)


def test_the_projector_normalizes_by_valid_frames_only():
    """As torch's own batch norms do of the rows alone; the last one has no weights."""
    torch.manual_seed(0)
    encoder = Encoder(RawFrames(6), pool=dict(type="FramePool"), projector=dict(type="AlignProjector"))
    x, valid = batch(more=5)
    wanted = x[valid]
    linear = [layer for layer in encoder.projector.layers if isinstance(layer, nn.Linear)]
    assert [layer.bias for layer in linear] == [None] * 4
    for i, layer in enumerate(linear):
        wanted = F.batch_norm(layer(wanted), None, None, training=True)
        wanted = wanted.relu() if i < 3 else wanted
    found = encoder(View(x, None, valid))
    torch.testing.assert_close(found[valid], wanted, rtol=1e-4, atol=1e-5)
    assert not found[~valid].any()
    assert not list(encoder.projector.layers[-1].parameters())


def test_a_context_looks_back_only_and_the_first_frame_stands_for_those_before_it():
    model = randomized(ConvContextEmbedder(6, out_channels=8, context=3, stride=2, conv_channels=[8], widths=[8]))
    x, _ = batch()
    out = model.forward_frames(x, None)
    padded = torch.cat([x[:, :1].expand(-1, 4, -1), x], 1)
    stacks = padded.unfold(1, 5, 1)[..., ::2]  # (P, T, C, context): frames t - 4, t - 2 and t
    conv, norm, _ = model.convs
    maps = norm(F.conv1d(stacks.flatten(0, 1), conv.weight.flatten(2), padding=1)).relu().amax(2)
    wanted = model.embedding_layer(model.fc_layers(maps)).unflatten(0, x.shape[:2])
    torch.testing.assert_close(out, wanted, rtol=1e-4, atol=1e-5)


def test_maps_are_convolved_in_space_and_time():
    model = randomized(ConvContextEmbedder(24, maps=(6, 2, 2), out_channels=3, conv_channels=[4, 4], widths=[5]))
    assert model.convs[0].weight.shape == (4, 6, 3, 3, 3)
    assert model(View(torch.randn(2, 5, 24))).data.shape == (2, 5, 3)


# --- padding


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", BACKBONES)
@torch.no_grad()
def test_padding_changes_no_valid_frame_of_a_backbone(name, training):
    if training and name == "SkeletonFrames":
        pytest.skip("in training the last frame is held through the padding, which convolutions and norms see")
    torch.manual_seed(0)
    model = randomized(BACKBONES[name]()).train(training)
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    found = []
    for more in (0, 50):
        x, valid = batch(more)
        map_ = model(View(x, None, valid))
        found.append(map_.data[map_.valid] if name != "SkeletonFrames" else map_.data[:, :10])
    if name == "SkeletonFrames":
        steps = [-(-length // 2) for length in LENGTHS]
        found = [torch.cat([row[:n] for row, n in zip(one, steps)]) for one in found]
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_skeletons_of_a_batch_are_encoded_as_alone():
    model = randomized(SkeletonFrames(STGCN))
    x, valid = batch(more=4)
    map_ = model(View(x, None, valid))
    for row, length in enumerate(LENGTHS):
        joints = x[row : row + 1, :length].unflatten(2, (2, 3))
        wanted = model.backbone.forward_rows(joints)[0].mean(2).T
        torch.testing.assert_close(map_.data[row, : len(wanted)], wanted)
        assert map_.valid[row].sum() - len(wanted) in (0, 1)
        assert (map_.data[row, len(wanted) :] == wanted[-1]).all()  # held


@pytest.mark.parametrize("kind", ["linear", "softmax"])
@torch.no_grad()
def test_padding_changes_no_valid_frame_of_the_context(kind):
    torch.manual_seed(0)
    context, predictor = CrossContext(6, attention=kind), ClipClusterPredictor(6, attention=kind)
    found = []
    for more in (0, 50):
        (x1, valid), (x2, _) = batch(more), batch(more, seed=7)
        x2, other = x2[:, :13], valid[:, :13]
        u1, u2 = context(x1, valid, x2, other)
        found.append(torch.cat([u1[valid], u2[other], predictor(x1, valid)[valid]]))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["linear", "softmax"])
def test_half_precision_gives_nearly_the_same(kind):
    torch.manual_seed(0)
    context, (x, valid) = CrossContext(6, attention=kind), batch()
    wanted, _ = context(x, valid, x, valid)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, _ = context(x, valid, x, valid)
    torch.testing.assert_close(found[valid].float(), wanted[valid], rtol=0.05, atol=0.2)


def test_a_cross_layer_lets_the_second_sequence_see_what_the_first_has_become():
    torch.manual_seed(0)
    context = CrossContext(6, ["cross"], num_heads=2, position=False)
    x1, x2 = torch.randn(2, 5, 6), torch.randn(2, 4, 6)
    layer, grid1, grid2 = context.layers[0], FrameGrid.of(x1, None), FrameGrid.of(x2, None)
    first = layer(grid1.rows(x1), grid2.rows(x2), grid1, grid2)
    u1, u2 = context(x1, None, x2, None)
    torch.testing.assert_close(u1, grid1.pad(first))
    torch.testing.assert_close(u2, grid2.pad(layer(grid2.rows(x2), first, grid2, grid1)))
    assert isinstance(layer, ContextLayer)


# --- positions of CARL, widths, errors


def test_carl_stretches_positions_of_each_sequence_in_evaluation():
    model = BACKBONES["CARLTransformerHead"]()
    x, valid = batch()
    assert model.train().positions(x, valid).tolist() == list(range(20))
    positions = model.eval().positions(x, valid)
    for row, length in zip(positions, LENGTHS):
        np.testing.assert_allclose(row[:length], np.linspace(0, 8, length), rtol=1e-5)
    model.train_frames = None
    assert model.positions(x, valid).tolist() == list(range(20))


def test_embeddings_of_carl_have_length_one():
    x, valid = batch()
    out = BACKBONES["CARLTransformerHead"]().forward_frames(x, valid)
    torch.testing.assert_close(out[valid].norm(dim=1), torch.ones(int(valid.sum())))


def test_fused_frames_split_joints_and_features():
    mlp = dict(type="FrameMLP", num_layers=1, final_act=False)
    model = FusedFrames([6, 3], [dict(type="SkeletonFrames", backbone=dict(STGCN, strides=[1, 1])), mlp])
    assert (model.in_channels, model.out_channels) == (9, 11)
    x = torch.randn(2, 5, 9)
    out = model.eval().forward_frames(x, None)
    torch.testing.assert_close(out[..., 8:], model.parts[1].layers[0](x[..., 6:]))
    with pytest.raises(ConfigError, match=r"steps of 5 frames; give them equal strides"):
        FusedFrames([6, 3], [dict(type="SkeletonFrames", backbone=STGCN), mlp]).forward_frames(x, None)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FrameMLP(6, widths=[]), "one layer or more"),
        (lambda: FusedFrames([6], []), "0 parts"),
        (lambda: FusedFrames([6], [FrameMLP(5)]), "in_channels=6"),
        (lambda: SkeletonFrames(STGCN, in_channels=75), "2 joints of 3 channels"),
        (lambda: SkeletonFrames(FrameMLP(6)), "no skeleton backbone"),
        (lambda: ConvContextEmbedder(6, maps=(6, 2, 2)), "multiply to in_channels=6"),
        (lambda: CARLTransformerHead(6, num_heads=7), "num_heads=7"),
        (lambda: CrossContext(6, num_heads=4), "num_heads=4"),
        (lambda: CrossContext(6, layers=["both"]), "'self' or 'cross'"),
        (lambda: CrossContext(6, attention="cosine"), "'linear' or 'softmax'"),
        (lambda: ClipClusterPredictor(), "needs in_channels"),
        (lambda: AlignProjector(), "AlignProjector needs in_channels"),
        (lambda: MultiHeadNeck(8, num_heads=0), "num_heads=0"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_joints_enter_in_a_row():
    x, model = torch.randn(2, 5, 3, 4), FrameMLP(12)
    torch.testing.assert_close(model(View(x)).data, model(View(x.flatten(2))).data)


def test_sequences_of_another_width_are_refused():
    with pytest.raises(DataError, match=r"in_channels = 6, .*but got \(2, 5, 7\)"):
        FrameMLP(6)(View(torch.randn(2, 5, 7)))
