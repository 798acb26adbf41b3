"""DSTformer and SkeletonViT: equal to reference numbers and to plain attention; names, sizes, options."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmsync.engine.checkpoint import load_weights
from mmsync.errors import CheckpointError, ConfigError
from mmsync.models.backbones import DSTformer, SkeletonViT
from mmsync.models.methods import AimCLR
from mmsync.models.modules import Encoder
from mmsync.models.modules.transformer import Attention, DropPath
from mmsync.ops.attention import attend, time_embedding
from mmsync.structures import View

from .reference import load_strictly, tensors, to_mmsync

TINY = dict(layout="sbu15", embed_dim=16, num_heads=4)


def dstformer(**kwargs) -> DSTformer:
    return DSTformer(**{**TINY, "rep_dim": 12, "depth": 2, "max_len": 9, **kwargs})


def vit(**kwargs) -> SkeletonViT:
    return SkeletonViT(**{**TINY, "depth": 2, "t_patch": 2, "clip_len": 8, **kwargs})


@pytest.mark.parametrize("case", ["a", "b", "c", "d"])
def test_dstformer_equals_the_reference(fixture_root, case):
    archive = np.load(fixture_root / "skeleton" / "dstformer_forward.npz")
    meta = json.loads(str(archive["meta"]))
    cfg = meta["cases"][case]
    model = DSTformer(
        layout={17: "h36m17", 25: "ntu25"}[cfg["num_joints"]],
        embed_dim=cfg["dim_feat"],
        rep_dim=cfg["dim_rep"],
        depth=cfg["depth"],
        num_heads=cfg["num_heads"],
        mlp_ratio=cfg["mlp_ratio"],
        max_len=cfg["maxlen"],
        fusion=cfg["att_fuse"],
        norm_eps=meta["norm_eps"],
    ).eval()
    state = tensors(archive, f"{case}/sd/")
    head = {k: state.pop(k) for k in list(state) if k.startswith("head.")}
    model.load_state_dict(state)  # the reference's own names
    x = torch.from_numpy(archive[f"{case}/in"]).requires_grad_()

    embedded = model.joints_embed(x) + model.pos_embed + model.temp_embed[:, : x.shape[1]]
    for order in ("st", "ts"):
        found = getattr(model, f"blocks_{order}")[0](embedded).flatten(0, 1)
        expected = archive[f"{case}/block_{order}0"]
        np.testing.assert_allclose(found.detach().reshape(expected.shape), expected, rtol=1e-4, atol=1e-5)

    rep = model.forward_rows(x).permute(0, 2, 3, 1)
    np.testing.assert_allclose(rep.detach(), archive[f"{case}/out_rep"], rtol=1e-4, atol=1e-5)
    out = F.linear(rep, head["head.weight"], head["head.bias"]) if head else rep
    np.testing.assert_allclose(out.detach(), archive[f"{case}/out"], rtol=1e-4, atol=1e-5)

    rep.square().mean().backward()
    for found, key in ((x.grad, "grad_x"), (model.pos_embed.grad, "grad_pos_embed")):
        expected = archive[f"{case}/{key}"]
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max(), err_msg=key)


def test_a_whole_aimclr_step_on_the_vanilla_transformer_equals_the_reference(fixture_root):
    archive = np.load(fixture_root / "skeleton" / "transclr_train.npz")
    cfg = json.loads(str(archive["meta"]))["cfg"]
    model = AimCLR(
        dict(
            type="Encoder",
            backbone=dict(
                type="SkeletonViT",
                embed_dim=cfg["dim_feat"],
                depth=cfg["depth"],
                num_heads=cfg["num_heads"],
                mlp_ratio=cfg["mlp_ratio"],
                t_patch=cfg["t_patch_size"],
                clip_len=cfg["clip_len"],
            ),
            pool=dict(type="SkeletonPool", persons="mean"),
            projector=dict(type="MLPProjector", out_channels=cfg["out_channels"], num_layers=1),
        ),
        queue_size=cfg["queue_size"],
        momentum=cfg["momentum"],
        temperature=cfg["Temperature"],
        drop_scope="batch",
    )
    load_strictly(model, {name(k): v for k, v in tensors(archive, "sd0/").items()})
    views = {k: View(to_mmsync(torch.from_numpy(archive[f"in/{k}"]))) for k in ("query", "key", "extreme")}
    losses = model.loss(views)
    np.testing.assert_allclose(losses["loss_infonce"].item(), archive["out/loss_info"], rtol=1e-4, atol=1e-5)
    total = sum(v for k, v in losses.items() if "loss" in k)
    np.testing.assert_allclose(total.item(), archive["out/loss_total"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.queue.keys, archive["out/queue_after"], rtol=1e-4, atol=1e-5)

    total.backward()
    gradients = {k: p.grad for k, p in model.named_parameters()}
    for key, expected in tensors(archive, "grad/").items():
        scale = expected.abs().max().item()
        np.testing.assert_allclose(gradients[name(key)], expected, rtol=1e-3, atol=1e-4 * scale, err_msg=key)
    for key, norm in tensors(archive, "gradnorm/").items():
        np.testing.assert_allclose(gradients[name(key)].norm(), norm, rtol=1e-3, atol=1e-5, err_msg=key)


def name(key: str) -> str:
    """The reference's name of a parameter to ours."""
    if key.startswith("queue"):
        return {"queue": "queue.keys", "queue_ptr": "queue.pointer"}[key]
    encoder, rest = key.split(".", 1)
    module = {"encoder_q": "encoder", "encoder_k": "key_encoder.module"}[encoder]
    return f"{module}.projector.layers.0.{rest[5:]}" if rest.startswith("head.") else f"{module}.backbone.{rest}"


def plain_attention(layer: Attention, x: torch.Tensor) -> torch.Tensor:
    """Softmax attention over the second last axis of ``(..., L, D)``, written out."""
    *front, length, dim = x.shape
    qkv = layer.qkv(x).reshape(*front, length, 3, layer.num_heads, dim // layer.num_heads)
    query, key, value = (qkv[..., i, :, :].transpose(-2, -3) for i in range(3))
    weights = (query @ key.transpose(-1, -2) * (dim // layer.num_heads) ** -0.5).softmax(-1)
    return layer.proj((weights @ value).transpose(-2, -3).reshape(*front, length, dim))


@pytest.mark.parametrize("axis", ["joints", "frames", "all"])
@pytest.mark.parametrize("bias", [True, False])
def test_attention_equals_plain_softmax_along_its_axis(axis, bias):
    layer = Attention(12, 3, qkv_bias=bias).double()
    x = torch.randn(2, 5, 7, 12, dtype=torch.float64)
    if axis == "joints":
        expected = plain_attention(layer, x)
    elif axis == "frames":
        expected = plain_attention(layer, x.transpose(1, 2)).transpose(1, 2)
    else:
        expected = plain_attention(layer, x.flatten(1, 2)).view_as(x)
    torch.testing.assert_close(layer(x, axis), expected)


def test_no_activation_is_copied_on_the_way_into_the_attention(monkeypatch):
    """Query, key and value are views of one projection, for all axes."""
    seen = []
    attend = F.scaled_dot_product_attention

    def spy(query, key, value, **kwargs):
        seen.append({t.untyped_storage().data_ptr() for t in (query, key, value)})
        assert query.ndim == 4  # what fused kernels take
        return attend(query, key, value, **kwargs)

    monkeypatch.setattr(F, "scaled_dot_product_attention", spy)
    layer = Attention(12, 3)
    for axis in ("joints", "frames", "all"):
        layer(torch.randn(2, 5, 7, 12), axis)
    assert [len(storages) for storages in seen] == [1, 1, 1]


@pytest.mark.parametrize("make", [dstformer, vit])
def test_weights_for_clips_of_another_length_fit_and_those_of_another_skeleton_do_not(make):
    encoder = Encoder(dict(type=make().__class__.__name__, **TINY, depth=1)).eval()
    size = {dstformer: dict(max_len=20), vit: dict(clip_len=20)}[make]
    other = make(depth=1, **size, **({"rep_dim": 512} if make is dstformer else {"t_patch": 4}))
    state = {f"backbone.{k}": v for k, v in other.state_dict().items()}
    load_weights(encoder, state, "a file")
    length = encoder.backbone.temp_embed.shape[1]
    expected = time_embedding(other.temp_embed, length, resize=True)
    torch.testing.assert_close(encoder.backbone.temp_embed, expected, rtol=0, atol=0)
    state["backbone.pos_embed"] = state["backbone.pos_embed"][..., :9, :]
    with pytest.raises(CheckpointError, match=r"backbone\.pos_embed.*layout"):
        load_weights(encoder, state, "a file")


@pytest.mark.parametrize("make", [dstformer, vit])
class TestBoth:
    def test_persons_do_not_see_each_other(self, make):
        model = make().eval()
        x = torch.randn(3, 8, 15, 3)
        torch.testing.assert_close(model.forward_rows(x)[1:2], model.forward_rows(x[1:2]))

    def test_activation_checkpointing_changes_nothing(self, make):
        x = torch.randn(2, 8, 15, 3)
        grads = []
        for with_cp in (False, True):
            torch.manual_seed(0)
            model = make(with_cp=with_cp)
            model.forward_rows(x).square().sum().backward()
            grads.append({k: p.grad for k, p in model.named_parameters()})
        for key, grad in grads[0].items():
            torch.testing.assert_close(grads[1][key], grad, msg=key)

    def test_every_parameter_gets_a_gradient(self, make):
        model = make(data_norm=True)
        model.forward_rows(torch.randn(2, 8, 15, 3)).square().sum().backward()
        without = [k for k, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
        assert without == []

    def test_layers_for_rates_go_from_embeddings_to_the_end(self, make):
        model = make()
        depths = {k: model.get_layer_depth(k) for k, _ in model.named_parameters()}
        assert {total for _, total in depths.values()} == {4}
        assert depths["joints_embed.weight" if make is dstformer else "joints_embed.proj.weight"][0] == 0
        assert depths["norm.weight"][0] == 3
        assert {layer for k, (layer, _) in depths.items() if "blocks" in k} == {1, 2}

    def test_a_graph_stem_comes_before_the_tokens_and_shortens_the_clip(self, make):
        model = make(stem=dict(channels=[8, 10], strides=[2, 1]), data_norm=True).eval()
        x = torch.randn(2, 8, 15, 3)
        normalized = model.data_bn(x.reshape(-1, 45)).view(x.shape)
        stemmed = model.stem.forward_rows(normalized).permute(0, 2, 3, 1)
        assert stemmed.shape == (2, 4, 15, 10)
        plain = make(in_channels=10).eval()
        plain.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith(("stem.", "data_bn."))})
        torch.testing.assert_close(model.forward_rows(x), plain.forward_rows(stemmed))
        with pytest.raises(ConfigError, match="as many strides"):
            make(stem=dict(channels=[8, 10], strides=[2]))

    def test_impossible_sizes_are_reported(self, make):
        with pytest.raises(ConfigError, match=r"embed_dim=16.*num_heads=3"):
            make(num_heads=3)
        with pytest.raises(ConfigError, match="depth=0"):
            make(depth=0)


def test_the_number_of_parameters_is_the_published_one():
    """The whole keys and shapes are compared by the converters' tests; heads are not part of a backbone."""
    with torch.device("meta"):
        count = {
            "base": sum(p.numel() for p in DSTformer("h36m17").parameters()) + 512 * 3 + 3,
            "lite": sum(p.numel() for p in DSTformer("h36m17", embed_dim=256, mlp_ratio=4).parameters()) + 512 * 3 + 3,
            "transclr": sum(p.numel() for p in SkeletonViT(depth=4, t_patch=5, clip_len=50).parameters()) + 257 * 60,
        }
    assert count == {"base": 42466317, "lite": 16001549, "transclr": 3188028}


def test_the_published_fusion_starts_as_the_mean():
    model = dstformer()
    a, b = torch.randn(2, 2, 8, 15, 16)
    torch.testing.assert_close(model.fuse(0, a, b), (a + b) / 2)
    model = dstformer(init="normal")
    assert model.ts_attn[0].weight.std() > 0.01


def test_the_fusion_is_the_softmax_of_two_logits():
    model = dstformer(init="normal").double()
    a, b = torch.randn(2, 2, 8, 15, 16, dtype=torch.float64)
    alpha = model.ts_attn[1](torch.cat([a, b], -1)).softmax(-1)
    torch.testing.assert_close(model.fuse(1, a, b), alpha[..., :1] * a + alpha[..., 1:] * b)


def test_longer_clips_get_resampled_time_embeddings():
    line = torch.arange(6.0).view(1, 6, 1, 1)
    assert time_embedding(line, 4).flatten().tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(time_embedding(line, 12).flatten()[1:-1], np.arange(0.25, 5, 0.5))
    np.testing.assert_allclose(time_embedding(line, 3, resize=True).flatten(), [0.5, 2.5, 4.5])
    for model in (dstformer(), vit()):
        assert model.forward_rows(torch.randn(1, 20, 15, 3)).shape[0] == 1


@pytest.mark.parametrize("length", [3, 9, 30])
def test_time_embeddings_are_interpolated_as_mae_does_on_request(length):
    line = torch.randn(1, 6, 1, 4)
    image = line.permute(0, 3, 1, 2).expand(-1, -1, -1, 5)  # equal columns
    expected = F.interpolate(image, size=(length, 5), mode="bicubic", align_corners=False)[..., 2]
    bicubic = time_embedding(line, length, resize=True, interpolation="bicubic")
    torch.testing.assert_close(bicubic[:, :, 0].transpose(1, 2), expected)
    assert not torch.allclose(bicubic, time_embedding(line, length, resize=True))
    model = vit(time_interpolation="bicubic", clip_len=24, t_patch=4)
    x = torch.randn(1, 4 * length, 15, 3)
    position = time_embedding(model.temp_embed, length, True, "bicubic")
    torch.testing.assert_close(model.tokens(x), model.joints_embed(x) + model.pos_embed + position)
    state = {"backbone.temp_embed": torch.randn(1, 9, 1, model.temp_embed.shape[-1])}
    fitted = model.fit_state_dict(state, "backbone.")["backbone.temp_embed"]
    torch.testing.assert_close(fitted, time_embedding(state["backbone.temp_embed"], 6, True, "bicubic"))
    with pytest.raises(ConfigError, match="use 'linear' or 'bicubic'"):
        vit(time_interpolation="cubic")


def test_the_last_frame_lasts_until_its_patch_is_full():
    model = vit(t_patch=4).eval()
    x = torch.randn(1, 6, 15, 3)
    full = torch.cat([x, x[:, -1:], x[:, -1:]], 1)
    torch.testing.assert_close(model.forward_rows(x), model.forward_rows(full))
    with pytest.raises(ConfigError, match="t_patch=0"):
        vit(t_patch=0)


def test_plain_products_stand_in_for_the_kernel_in_half_precision_on_the_cpu():
    query, key, value = torch.randn(3, 2, 3, 7, 4)
    expected = attend(query, key, value)
    half = [t.bfloat16().requires_grad_() for t in (query, key, value)]
    out = attend(*half)
    assert "ScaledDotProduct" not in out.grad_fn.name()
    torch.testing.assert_close(out.float(), expected, rtol=0.05, atol=0.03)


def test_drop_path_keeps_the_mean_and_drops_whole_rows():
    torch.manual_seed(0)
    layer = DropPath(0.25)
    out = layer(torch.ones(4000, 3))
    assert out.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (out[:, 0] == out[:, 2]).all()
    assert out.mean().item() == pytest.approx(1, abs=0.05)
    assert layer.eval()(torch.ones(2, 3)).tolist() == [[1] * 3] * 2
