"""Published checkpoints become mmsync's and come back; reference states give reference numbers; wrong files fail."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from run_tool import run_tool
from torch import nn

from mmsync.apis import init_model
from mmsync.config import check, load
from mmsync.config.inputs import input_record
from mmsync.engine.checkpoint import load_weights, read_checkpoint, write_checkpoint
from mmsync.engine.runner import MotionRunner
from mmsync.errors import CheckpointError
from mmsync.interop.convert import convert_checkpoint, from_reference, to_reference
from mmsync.ops.attention import time_embedding
from mmsync.ops.graph import adjacency
from mmsync.registry import MODELS
from mmsync.structures import SkeletonLayout, View

from .test_models.reference import load_strictly, tensors, to_mmsync

CONFIGS = Path(__file__).parents[1] / "configs"
STGCN16 = dict(type="STGCN", layout="ntu25", width=16, out_channels=256)
REPORT = dict(type="DSTformer", layout="ntu25", depth=4, max_len=50, norm_eps=1e-5)
BASE = dict(type="DSTformer", layout="h36m17")
LITE = dict(BASE, embed_dim=256, mlp_ratio=4)
TRANSCLR = dict(type="SkeletonViT", layout="ntu25", depth=4, t_patch=5, clip_len=50)
GRU = dict(type="BiGRU", layout="ntu25", num_persons=2, directions="forward", last_step=True)
MAMP = dict(type="SkeletonViT", layout="ntu25", depth=8, t_patch=4, clip_len=120)


def moco(backbone: dict, layers: int) -> dict:
    projector = dict(type="MLPProjector", num_layers=layers)
    return dict(type="AimCLR", encoder=dict(type="Encoder", backbone=backbone, projector=projector))


def streams(method: str, backbone: dict, **settings) -> dict:
    return dict(type=method, encoder=moco(backbone, 2)["encoder"], **settings)


def hiclr(backbone: dict) -> dict:
    return dict(moco(backbone, 2), type="HiCLR")


def classifier(backbone: dict, head: str, classes: int = 60) -> dict:
    return dict(
        type="Classifier",
        encoder=dict(type="Encoder", backbone=backbone),
        head=dict(type=head, num_classes=classes),
    )


def masked(blocks: int) -> dict:
    return dict(type="MAMP", encoder=encoder(MAMP), decoder=dict(type="TokenDecoder", depth=blocks))


def encoder(backbone: dict) -> dict:
    return dict(type="Encoder", backbone=backbone)


# file of names: family, the model it is for, parameters as published, names that have no place
PUBLISHED = {
    "aimclr_pretrain_ntu": ("aimclr", moco(STGCN16, 2), 1840136, 0),
    "skeletonclr_pretrain_ntu": ("aimclr", moco(STGCN16, 2), 1840136, 0),
    "hiclr_gcn_pretrain_ntu": ("aimclr", hiclr(STGCN16), 1840137, 0),
    "aimclr_linear_ntu60": ("aimclr", classifier(STGCN16, "LinearHead"), 836800, 0),
    "skeletonclr_linear_ntu60": ("aimclr", classifier(STGCN16, "LinearHead"), 836800, 0),
    "realckpt_aimclr_linear_ntu60_xview_joint": ("aimclr", classifier(STGCN16, "LinearHead"), 836800, 0),
    "realckpt_actclr_linear_ntu60_xview_joint": ("aimclr", classifier(STGCN16, "LinearHead"), 836800, 0),
    "stgcn_aimclr_encoder_fc128": ("aimclr", classifier(STGCN16, "LinearHead", 128), 854276, 0),
    "stgcn_full64_fc60": ("aimclr", classifier(dict(type="STGCN"), "LinearHead"), 3098832, 0),
    "mbaimclr_pretrain_ntu": ("aimclr", moco(REPORT, 1), 68045072, 0),
    "mbaimclr_eval_ntu60": ("aimclr", classifier(REPORT, "ActionHead"), 60331136, 2),
    "transclr_pretrain_ntu": ("aimclr", moco(TRANSCLR, 1), 6411008, 0),
    "transclr_eval_ntu60": ("aimclr", classifier(TRANSCLR, "LinearHead"), 3188028, 0),
    "motionbert_dstformer_base": ("motionbert", encoder(BASE), 42466317, 2),
    "motionbert_dstformer_lite": ("motionbert", encoder(LITE), 16001549, 2),
    "motionbert_actionnet_ntu60": ("motionbert", classifier(BASE, "ActionHead"), 60421193, 2),
    "motionbert_actionnet_embed": ("motionbert", encoder(BASE), 60294157, 4),
    "mamp_pretrain_8+3": ("mamp", masked(3), 8789004, 0),
    "mamp_pretrain_8+5": ("mamp", masked(5), 10368524, 0),
    "mae_pretrain_8+3": ("mamp", masked(3), 8789004, 0),
    "mamp_linprobe_ntu60": ("mamp", classifier(MAMP, "LinearHead"), 6351420, 0),
    "mamp_linprobe_ntu60_after_bn_hack": ("mamp", classifier(MAMP, "LinearHead"), 6351420, 3),
    "mamp_finetune_ntu60": ("mamp", classifier(MAMP, "ActionHead"), 19572284, 0),
    "crossclr_3views_pretrain_ntu": ("crossclr", streams("CrosSCLR", STGCN16, reference_heads=True), 5388824, 0),
    "cmd_pretrain_ntu": ("cmd", streams("CMD", GRU), 296745480, 0),
}
IN_FILE = {"motionbert": ("model_pos", "module."), "mamp": ("model", ""), "aimclr": (None, "")}
IN_FILE |= {"crossclr": (None, ""), "cmd": ("state_dict", "module.")}


def graph(edges: str = "ntu-rgb+d") -> torch.Tensor:
    layout = SkeletonLayout.get("ntu25")
    return adjacency(25, layout.edge_list(edges), layout.center).float()


@pytest.fixture(scope="session")
def published(data_root):
    """A state dict of exactly the names, shapes and types of a published file; large tensors hold one number."""
    folder = data_root.parent / "specs" / "keys"
    if not folder.is_dir():
        pytest.skip(f"names of published checkpoints: {folder} is no folder")

    def make(name: str) -> dict[str, torch.Tensor]:
        generator, state = torch.Generator().manual_seed(0), {}
        for i, (key, shape, dtype) in enumerate(json.loads((folder / f"{name}.json").read_text())["keys"]):
            large = np.prod(shape) > 1e5
            value = torch.rand([1] * len(shape) if large else shape, generator=generator) + (i if large else 0.1)
            state[key] = value.to(getattr(torch, dtype)).expand(shape)
            if key.split(".")[-1] == "A":
                state[key] = graph()
        return state

    return make


def in_file(state: dict, family: str) -> dict:
    """As the released files hold it, after reading."""
    container, module = IN_FILE[family]
    state = {module + k: v for k, v in state.items()}
    return {"state_dict": {container: state, "epoch": 3} if container else state}


def out_of_file(content: dict, family: str) -> dict:
    container, module = IN_FILE[family]
    state = content[container] if container else content
    assert all(k.startswith(module) for k in state)
    return {k[len(module) :]: v for k, v in state.items()}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_checkpoint_fits_its_model_and_comes_back(published, name):
    """Strictly: all names and shapes, into the model that is written down above and not the one that is inferred."""
    family, model, parameters, unused = PUBLISHED[name]
    state = published(name)
    result = from_reference(in_file(state, family), family, name)
    assert (result.match.missing, result.match.unexpected, result.match.reshaped) == ([], [], [])
    assert (result.match.backbone, len(result.unused)) == (1, unused)

    converted = result.checkpoint["state_dict"]
    with torch.device("meta"):
        network = MODELS.build(model)
    if model["type"] == "Encoder":
        network = nn.ModuleDict({"encoder": network})
        key = {k: v for k, v in converted.items() if k.startswith("key_encoder.module.")}
        assert {k.replace("key_encoder.module.", "encoder.") for k in key} == set(converted) - set(key)
        assert all(v is converted[k.replace("key_encoder.module.", "encoder.")] for k, v in key.items())  # no memory
        converted = {k: v for k, v in converted.items() if k not in key}
    network.load_state_dict(converted, strict=True, assign=True)
    aside = sum(v.numel() for k, v in result.checkpoint["reference_only"].items() if ".fc.0." not in k)
    assert sum(p.numel() for p in network.parameters()) + aside == parameters

    back = to_reference(result.checkpoint, family, name)
    assert back.match.backbone == 1
    found = out_of_file(back.checkpoint, family)
    assert set(found) == set(state)
    for key, value in state.items():
        assert (found[key].shape, found[key].dtype) == (value.shape, value.dtype), key
        if "after_bn_hack" in name and ".fc.1." in key:  # went through the batch norm and back
            torch.testing.assert_close(found[key], value, rtol=1e-5, atol=1e-4, msg=key)
        else:
            assert torch.equal(found[key], value), key


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("aimclr_pretrain_ntu", "aimclr/reference/aimclr_stgcn_ntu60_xsub"),
        ("hiclr_gcn_pretrain_ntu", "hiclr/hiclr_stgcn_ntu60_xsub"),
        ("mbaimclr_pretrain_ntu", "mbaimclr/mbaimclr_dstformer_ntu60_xsub"),
        ("transclr_pretrain_ntu", "mbaimclr/mbaimclr_vit_ntu60_xsub"),
        ("crossclr_3views_pretrain_ntu", "crossclr/crossclr_stgcn_ntu60_xsub"),
        ("cmd_pretrain_ntu", "cmd/cmd_bigru_ntu60_xsub"),
    ],
)
def test_a_published_pretraining_fits_the_shipped_config(published, name, config):
    """Nothing but the preprocessor's generator is missing, and the report names the config."""
    path = CONFIGS / f"{config}.py"
    family = name.split("_")[0] if name.startswith(("crossclr", "cmd")) else "aimclr"
    state = {"state_dict": published(name)}
    found = from_reference(state, family, name, config=load(path))
    assert (found.match.unexpected, found.match.reshaped) == ([], [])
    assert all(key.startswith("data_preprocessor.") for key in found.match.missing)
    assert str(path) in found.report()
    inferred = from_reference(state, family, name)
    assert f"configs/{config}.py" in inferred.report()
    wanted, derived = load(path).model.encoder.backbone, inferred.model["encoder"]["backbone"]
    for key in ("type", "layout", "norm_eps"):  # shapes do not determine these, the family does
        assert wanted.get(key, derived.get(key)) == derived.get(key)


def test_hiclr_s_linear_evaluation_goes_both_ways(published):
    state = published("aimclr_linear_ntu60")
    edges = {f"encoder_q.edge_importance.{i}": f"encoder_q.edge_importance{i + 1}" for i in range(10)}
    state = {edges.get(name, name): value for name, value in state.items()}
    result = from_reference({"state_dict": state}, "aimclr")
    assert (result.match.backbone, result.unused, result.model["type"]) == (1, [], "Classifier")
    back = to_reference(result.checkpoint, "aimclr").checkpoint
    assert set(back) == set(state)
    assert all(torch.equal(back[name], state[name]) for name in state)


@pytest.mark.parametrize(
    ("name", "own"), [("crossclr_3views_pretrain_ntu", 364), ("crossclr_3views_linear_ntu60", 179)]
)
def test_of_three_streams_the_first_is_taken(published, name, own):
    state = published(name)
    result = from_reference({"state_dict": state}, "aimclr", name)
    assert (len(result.match.matched), len(result.unused)) == (own, len(state) - own)
    assert not result.match.missing + result.match.unexpected
    back = to_reference(result.checkpoint, "aimclr").checkpoint
    assert set(back) == set(state)
    assert all(torch.equal(back[key], state[key]) for key in state)


def test_a_linear_evaluation_of_three_streams(published):
    """The streams go into the method, whose key encoders are copies; the last layers are stored aside."""
    state = published("crossclr_3views_linear_ntu60")
    result = from_reference({"state_dict": state}, "crossclr")
    assert (result.match.backbone, result.match.unexpected) == (1, [])
    assert all(".queue." in name for name in result.match.missing)
    assert sorted(result.unused) == sorted(name for name in state if ".fc." in name)
    model = MODELS.build(result.model)
    load_weights(model, result.checkpoint["state_dict"], "crossclr")
    for part in model.streams.values():
        torch.testing.assert_close(part.key_encoder.module.state_dict(), part.encoder.state_dict())
    back = to_reference(result.checkpoint, "crossclr").checkpoint
    assert set(back) == set(state)
    assert all(torch.equal(back[key], state[key]) for key in state)


# -------------------------------------------------------------------------------- reference states, reference numbers


@pytest.mark.parametrize(("file", "heads"), [("aimclr_train_infonce", 8), ("transclr_train", 4)])
def test_a_converted_pretraining_takes_the_reference_s_step(fixture_root, file, heads):
    archive = np.load(fixture_root / "skeleton" / f"{file}.npz")
    cfg = json.loads(str(archive["meta"]))["cfg"]
    result = from_reference({"state_dict": tensors(archive, "sd0/")}, "aimclr", file, num_heads=heads)
    settings = dict(momentum=cfg["momentum"], temperature=cfg["Temperature"], drop_scope="batch")
    model = MODELS.build({**result.model, **settings})
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0  # of the reference's config; not stored in the weights
    load_strictly(model, result.checkpoint["state_dict"])
    views = {k: View(to_mmsync(torch.from_numpy(archive[f"in/{k}"]))) for k in ("query", "key", "extreme")}
    losses = model.loss(views)
    info = "out/loss_info" if file == "transclr_train" else "out/loss_info_or_nnm"
    np.testing.assert_allclose(losses["loss_infonce"].item(), archive[info], rtol=1e-4, atol=1e-5)
    total = sum(v.item() for k, v in losses.items() if "loss" in k)
    np.testing.assert_allclose(total, archive["out/loss_total"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.queue.keys, archive["out/queue_after"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", ["a", "b", "c", "d"])
def test_a_converted_dstformer_gives_the_reference_s_numbers(fixture_root, case):
    archive = np.load(fixture_root / "skeleton" / "dstformer_forward.npz")
    cfg = json.loads(str(archive["meta"]))["cases"][case]
    state = tensors(archive, f"{case}/sd/")
    result = from_reference({"state_dict": state}, "motionbert", case, num_heads=cfg["num_heads"])
    model = MODELS.build(result.model)
    load_weights(model, result.checkpoint["state_dict"], case)
    assert result.model["encoder"]["backbone"]["layout"] == {17: "h36m17", 25: "ntu25"}[cfg["num_joints"]]
    x = torch.from_numpy(archive[f"{case}/in"])
    for encoder in (model.encoder, model.key_encoder.module):  # the key encoder starts as a copy
        found = encoder.eval().backbone.forward_rows(x).permute(0, 2, 3, 1)
        np.testing.assert_allclose(found.detach(), archive[f"{case}/out_rep"], rtol=1e-4, atol=1e-5)


def test_a_converted_mamp_gives_the_reference_s_numbers(fixture_root):
    """Predictions of the published file's own names; the way back gives them all."""
    archive = np.load(fixture_root / "skeleton" / "mamp_pretrain.npz")
    state = tensors(archive, "sd/")
    result = from_reference({"state_dict": {"model": state}}, "mamp", num_heads=4)
    assert result.model["decoder"] == dict(type="TokenDecoder", embed_dim=24, depth=2, num_heads=4, mlp_ratio=4)
    model = MODELS.build(result.model)
    load_strictly(model, result.checkpoint["state_dict"])
    rows = to_mmsync(torch.from_numpy(archive["in/x"])).flatten(0, 1)
    keep = (1 - torch.from_numpy(archive["out/mask"])).nonzero()[:, 1].view(len(rows), -1)
    found = model.predict_tokens(rows, keep).detach()
    np.testing.assert_allclose(found, archive["out/pred"], rtol=1e-4, atol=1e-5)
    back = to_reference({"state_dict": model.state_dict()}, "mamp").checkpoint["model"]
    assert set(back) == set(state)
    assert all(torch.equal(back[key], state[key]) for key in state)
    longer = from_reference({"state_dict": state}, "mamp", num_heads=4, clip_len=32).checkpoint["state_dict"]
    assert longer["decoder.temp_embed"].shape == (1, 8, 1, 24)


def test_a_batch_norm_before_the_probe_goes_into_its_linear_layer():
    state = {k[len("encoder.backbone.") :]: v for k, v in small("vit").state_dict().items() if "backbone" in k}
    norm, linear = nn.BatchNorm1d(16, affine=False, eps=1e-6).eval(), nn.Linear(16, 5)
    norm.running_mean, norm.running_var = torch.randn(16), torch.rand(16) + 0.1
    for name, module in (("0", norm), ("1", linear)):
        state.update({f"head.fc.{name}.{k}": v for k, v in module.state_dict().items()})
    head = nn.Linear(16, 5)
    converted = from_reference({"state_dict": state}, "mamp", num_heads=4).checkpoint["state_dict"]
    head.load_state_dict({k[len("head.fc.") :]: v for k, v in converted.items() if k.startswith("head.fc.")})
    x = torch.randn(7, 16)
    torch.testing.assert_close(head(x), linear(norm(x)), rtol=1e-4, atol=1e-5)


# ------------------------------------------------------------------------------------------------- small files, no data

SMALL = {
    "stgcn": dict(type="STGCN", width=2, out_channels=8),
    "dst": dict(type="DSTformer", layout="h36m17", embed_dim=16, rep_dim=12, depth=1, num_heads=4, max_len=9),
    "vit": dict(type="SkeletonViT", embed_dim=16, depth=1, num_heads=4, t_patch=4, clip_len=12),
}
FAMILY = {"stgcn": "aimclr", "dst": "motionbert", "vit": "mamp"}


def small(name: str, pretraining: bool = False) -> nn.Module:
    if not pretraining:
        head = "LinearHead" if name == "stgcn" else "ActionHead"
        model = classifier(SMALL[name], head, 5)
        if head == "ActionHead":
            model["head"]["hidden_channels"] = 6
        return MODELS.build(model)
    model = moco(SMALL[name], 2 if name == "stgcn" else 1)
    model["encoder"]["projector"]["out_channels"] = 4
    return MODELS.build(dict(model, queue_size=16))


@pytest.mark.parametrize("name", SMALL)
def test_what_mmsync_trained_goes_out_and_comes_back(name):
    """No origin is known; AimCLR's tool takes all backbones, the other families their own classifiers."""
    for model, family in ((small(name, True), "aimclr"), (small(name), FAMILY[name])):
        state = dict(model.state_dict(), **{"data_preprocessor.seed": torch.zeros(1)})
        out = to_reference({"state_dict": state}, family)
        assert out.unused == ["data_preprocessor.seed"]
        back = from_reference({"state_dict": out.checkpoint}, family, num_heads=4).checkpoint["state_dict"]
        assert set(back) == set(state) - {"data_preprocessor.seed"}
        assert all(torch.equal(back[k], state[k]) for k in back)


def test_a_hiclr_of_mmsync_goes_out_and_comes_back():
    model = MODELS.build(dict(hiclr(SMALL["stgcn"]), queue_size=16))
    out = to_reference({"state_dict": model.state_dict()}, "aimclr").checkpoint
    assert {"mask_param", "encoder_k.edge_importance10"} <= set(out)
    back = from_reference({"state_dict": out}, "aimclr")
    load_strictly(MODELS.build(back.model), back.checkpoint["state_dict"])
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in back.checkpoint["state_dict"].items())


@pytest.mark.parametrize("name", ["dst", "vit"])
def test_the_encoder_of_a_pretraining_goes_out_alone(name):
    model = small(name, True)
    out = to_reference({"state_dict": model.state_dict()}, FAMILY[name])
    assert any(k.startswith("queue") for k in out.unused)
    back = from_reference({"state_dict": out.checkpoint}, FAMILY[name], num_heads=4).checkpoint["state_dict"]
    match = load_weights(small(name), back, "back")  # finetuning takes it over
    assert match.backbone == 1


@pytest.mark.parametrize("pretraining", [True, False])
def test_both_forms_of_the_last_layers(pretraining):
    state = small("stgcn", pretraining).state_dict()
    plain = to_reference({"state_dict": state}, "aimclr").checkpoint
    conv = to_reference({"state_dict": state}, "aimclr", fc="conv").checkpoint
    changed = {k: tuple(v.shape) for k, v in conv.items() if v.shape != plain[k].shape}
    if pretraining:
        shapes = {"0": (8, 8, 1, 1), "2": (4, 8, 1, 1)}
        assert changed == {f"encoder_{e}.fc.{i}.weight": s for e in "qk" for i, s in shapes.items()}
    else:
        assert changed == {"encoder_q.fc.weight": (5, 8, 1, 1)}
    result = from_reference({"state_dict": conv}, "aimclr")
    assert all(torch.equal(v, state[k]) for k, v in result.checkpoint["state_dict"].items())
    again = to_reference(result.checkpoint, "aimclr").checkpoint  # as it came
    assert {k: v.shape for k, v in again.items()} == {k: v.shape for k, v in conv.items()}
    asked = to_reference(result.checkpoint, "aimclr", fc="linear").checkpoint
    assert {k: v.shape for k, v in asked.items()} == {k: v.shape for k, v in plain.items()}


def reference(name: str) -> dict[str, torch.Tensor]:
    return to_reference({"state_dict": small(name).state_dict()}, FAMILY[name]).checkpoint


def weights(name: str) -> dict[str, torch.Tensor]:
    content = reference(name)
    return next((v for v in content.values() if isinstance(v, dict)), content)


class TestWrongFiles:
    @pytest.mark.parametrize("name", SMALL)
    @pytest.mark.parametrize("family", ["aimclr", "motionbert", "mamp"])
    def test_another_family(self, name, family):
        if family != FAMILY[name]:
            with pytest.raises(CheckpointError, match=f"looks like one of .*mmsync {FAMILY[name]}_to_mmsync"):
                from_reference({"state_dict": weights(name)}, family, "a.pth")

    def test_a_file_of_mmsync_wants_reverse(self):
        with pytest.raises(CheckpointError, match=r"looks like one of mmsync \(--reverse\)"):
            from_reference({"state_dict": small("dst").state_dict()}, "motionbert")

    def test_a_network_that_the_reference_does_not_have(self):
        with pytest.raises(CheckpointError, match=r"MAMP or SkeletonMAE has no file for .*encoder\.backbone\.st_gcn"):
            to_reference({"state_dict": small("stgcn").state_dict()}, "mamp")
        model = MODELS.build(encoder(dict(SMALL["vit"], data_norm=True)))
        state = {f"encoder.{k}": v for k, v in model.state_dict().items()}
        with pytest.raises(CheckpointError, match="data_norm=True"):
            to_reference({"state_dict": state}, "mamp")

    @pytest.mark.parametrize("name", SMALL)
    def test_half_of_the_names_changed(self, name):
        state = {f"{k}_" if i % 2 and "A" not in k else k: v for i, (k, v) in enumerate(weights(name).items())}
        with pytest.raises(CheckpointError, match=r"of the backbone's weights do not fit|cannot determine the network"):
            from_reference({"state_dict": state}, FAMILY[name], "a.pth", num_heads=4)

    def test_a_few_missing_or_unknown_names_are_an_error_unless_accepted(self):
        state = weights("stgcn")
        del state["encoder_q.st_gcn_networks.3.tcn.3.bias"]
        state["encoder_q.extra"] = torch.zeros(1)
        with pytest.raises(
            CheckpointError, match=r"2 of the backbone's weights do not fit (.|\n)*3\.tcn\.3\.bias(.|\n)*extra"
        ):
            from_reference({"state_dict": state}, "aimclr")
        result = from_reference({"state_dict": state}, "aimclr", partial=True)
        for line in ["1 missing:\n    encoder.backbone.st_gcn_networks.3.tcn.3.bias", "1 unexpected:\n    encoder"]:
            assert line in result.report()
        assert 0.9 < result.match.backbone < 1

    def test_another_graph(self):
        state = dict(weights("stgcn"), **{"encoder_q.A": graph("nturgb+d")})
        with pytest.raises(CheckpointError, match=r"another edge layout was used.*--layout ntu25 --edges nturgb\+d"):
            from_reference({"state_dict": state}, "aimclr")
        backbone = from_reference({"state_dict": state}, "aimclr", edges="nturgb+d").model["encoder"]["backbone"]
        assert backbone["edges"] == "nturgb+d"
        state["encoder_q.A"] = torch.rand(3, 25, 25)
        with pytest.raises(CheckpointError, match="no layout known here"):
            from_reference({"state_dict": state}, "aimclr")

    @pytest.mark.parametrize("name", SMALL)
    def test_another_number_of_joints(self, name):
        joints = 17 if name == "dst" else 25
        with pytest.raises(
            CheckpointError, match=rf"for {joints} joints, but layout kinect20 has 20 \(pelvis, .*order"
        ):
            from_reference({"state_dict": weights(name)}, FAMILY[name], layout="kinect20")

    def test_an_unusual_number_of_joints(self):
        state = dict(weights("vit"), pos_embed=torch.zeros(1, 1, 21, 16))
        with pytest.raises(CheckpointError, match="for 21 joints, and no usual layout has so many; give --layout"):
            from_reference({"state_dict": state}, "mamp")
        own = dict(name="own21", joints=21, parents=[0] * 21)
        config = Config(dict(model=classifier(dict(SMALL["vit"], layout=own), "ActionHead", 5)))
        assert from_reference({"state_dict": state}, "mamp", config=config).match.backbone == 1

    def test_no_weights_at_all(self):
        with pytest.raises(CheckpointError, match="holds no weights, only epoch, note"):
            from_reference({"state_dict": {"epoch": 1, "note": "x"}}, "mamp")

    def test_no_file_is_written(self, tmp_path):
        source, target = tmp_path / "a.pth", tmp_path / "b.pth"
        write_checkpoint(reference("stgcn"), source)
        whole = source.read_bytes()
        for content in (whole[: len(whole) // 2], b"encoder_q.A\n", b""):
            source.write_bytes(content)
            with pytest.raises(CheckpointError, match=r"damaged or truncated|is a text file"):
                convert_checkpoint(source, target, "aimclr")
        source.write_bytes(whole)
        with pytest.raises(CheckpointError):
            convert_checkpoint(source, target, "mamp")
        with pytest.raises(CheckpointError, match="there is no such file"):
            convert_checkpoint(tmp_path / "c.pth", target, "mamp")
        assert [p.name for p in tmp_path.iterdir()] == ["a.pth"]

    def test_objects_need_trust(self, tmp_path):
        """MAMP's files hold the arguments of their run."""
        source, target = tmp_path / "a.pth", tmp_path / "b.pth"
        torch.save(dict(reference("vit"), args=argparse.Namespace(lr=1)), source)
        with pytest.raises(CheckpointError, match="--trust-checkpoint"):
            convert_checkpoint(source, target, "mamp", num_heads=4)
        convert_checkpoint(source, target, "mamp", num_heads=4, trust=True)
        assert "encoder.backbone.pos_embed" in read_checkpoint(target)["state_dict"]


@pytest.mark.parametrize(("name", "length", "patches"), [("dst", 18, 18), ("vit", 24, 6), ("vit", 21, 6)])
def test_time_embeddings_are_resampled_on_request(name, length, patches):
    state = weights(name)
    key = next(k for k in state if k.endswith("temp_embed"))
    old = torch.linspace(0, 1, state[key].shape[1]).view(1, -1, 1, 1).expand_as(state[key]).contiguous()
    state[key] = old
    result = from_reference({"state_dict": state}, FAMILY[name], num_heads=4, clip_len=length)
    new = result.checkpoint["state_dict"]["encoder.backbone.temp_embed"]
    assert (result.match.backbone, new.shape[1]) == (1, patches)
    centers = (np.arange(patches) + 0.5) * old.shape[1] / patches - 0.5
    expected = np.interp(centers, np.arange(old.shape[1]), old[0, :, 0, 0])
    np.testing.assert_allclose(new[0, :, 0, 0], expected, atol=1e-6)
    if name == "vit":
        state[key] = torch.randn_like(old)
        bicubic = from_reference(
            {"state_dict": state}, FAMILY[name], num_heads=4, clip_len=length, time_interpolation="bicubic"
        )
        new = bicubic.checkpoint["state_dict"]["encoder.backbone.temp_embed"]
        torch.testing.assert_close(new, time_embedding(state[key], patches, True, "bicubic"))
    stgcn = weights("stgcn")
    with pytest.raises(CheckpointError, match="no time embeddings"):
        from_reference({"state_dict": stgcn}, "aimclr", clip_len=30)


@pytest.fixture
def run(capsys):
    """Runs a converter; returns its exit code and what it printed."""

    def run(family, *args):
        code = run_tool(f"model_converters/{family}_to_mmsync.py", *args)
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


CLASSES = ["--cfg-options", "source.num_classes=5"]  # as the small heads, in the data that they are paired with


@pytest.mark.parametrize("name", SMALL)
def test_the_tools(run, tmp_path, name):
    family, model = FAMILY[name], small(name).eval()
    source, target, config, back = (tmp_path / f for f in ("a.pth", "b.pth", "b.py", "c.pth"))
    write_checkpoint(to_reference({"state_dict": model.state_dict()}, family).checkpoint, source)
    code, printed = run(family, source, target, "--dump-config", config, "--num-heads", 4, *CLASSES)
    assert code == 0, printed
    for text in ("100% of the backbone", f"type='{SMALL[name]['type']}'", f"wrote {target}"):
        assert text in printed
    assert read_checkpoint(target)["meta"]["origin"]["file"] == "a.pth"

    view = View(torch.randn(2, 2, 12, 17 if name == "dst" else 25, 3))
    again = init_model(config, target)
    # the reference counts absent persons, and shapes do not determine the layer norms' epsilon: the family does
    model.encoder.pool_neck, norms = (
        again.encoder.pool_neck,
        {type(m): m.eps for m in again.modules() if hasattr(m, "eps")},
    )
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = norms[nn.LayerNorm]
    torch.testing.assert_close(again(view), model(view))

    code, printed = run(family, target, back, "--reverse")
    assert code == 0, printed
    first, second = (torch.load(p, weights_only=True) for p in (source, back))
    first, second = (next((v for v in c.values() if isinstance(v, dict)), c) for c in (first, second))
    assert set(first) == set(second)
    assert all(torch.equal(first[k], second[k]) for k in first)

    code, printed = run(family, tmp_path / "none.pth", back)
    assert (code, "there is no such file" in printed) == (2, True)


def test_a_config_can_say_what_the_model_is(run, tmp_path):
    source, target, config = (tmp_path / f for f in ("a.pth", "b.pth", "c.py"))
    write_checkpoint(reference("vit"), source)
    config.write_text(f"default_scope = 'mmsync'\nmodel = {classifier(SMALL['vit'], 'ActionHead', 5)!r}")
    code, printed = run("mamp", source, target, "--config", config)
    assert code == 0, printed
    assert "7 of another shape" in printed  # the config's head is wider
    assert "SkeletonViT" in read_checkpoint(target)["meta"]["cfg"]
    config.write_text(f"default_scope = 'mmsync'\nmodel = {classifier(dict(type='SkeletonViT'), 'ActionHead', 5)!r}")
    code, printed = run("mamp", source, tmp_path / "d.pth", "--config", config)
    assert (code, "of the backbone's weights do not fit" in printed) == (2, True), printed
    assert not (tmp_path / "d.pth").exists()


DATA = f"""
_base_ = [{str(CONFIGS / "_base_/datasets/synthetic.py")!r}, {str(CONFIGS / "_base_/models/synthetic.py")!r},
    {str(CONFIGS / "_base_/schedules/adamw_synthetic.py")!r}]
stream = "joint"
views = "extreme"
actions = ["wave", "hammer", "clap", "kick", "bow"]
source = dict(type="SyntheticSource", num_clips=(24, 20), actions=actions)
model = dict(type="AimCLR", queue_size=16, data_preprocessor=dict(window=16))
train_dataloader = dict(batch_size=8)
"""


@pytest.mark.parametrize("own_config", [True, False])
def test_an_evaluation_checkpoint_is_evaluated_by_one_command(run, tmp_path, own_config):
    """Encoder and head of AimCLR's linear evaluation, on the data of a pretraining's config, with its own head."""
    model = small("stgcn").eval()
    source, target, data, config, out = (tmp_path / f for f in ("a.pth", "b.pth", "data.py", "b.py", "out.json"))
    write_checkpoint(to_reference({"state_dict": model.state_dict()}, "aimclr").checkpoint, source)
    data.write_text(DATA + f"\nmodel.update(encoder=dict(backbone={dict(SMALL['stgcn'], _delete_=True)!r}))")
    code, printed = run("aimclr", source, target, "--config", data, "--dump-config", config)
    assert code == 0, printed
    assert "100% of the backbone" in printed
    assert f"evaluate it: mmsync test {config} {target}" in printed
    assert read_checkpoint(target)["meta"]["input"] == input_record(load(config))
    if not own_config:  # the text in the checkpoint is the same config
        config.write_text(read_checkpoint(target)["meta"]["cfg"])

    assert run_tool("test.py", config, target, "--work-dir", tmp_path, "--out", out) == 0
    found = json.loads(out.read_text())["results"]["accuracy/top1"]
    loader = MotionRunner.build_dataloader(load(config).test_dataloader.to_dict())
    assert len(loader.dataset) == 20
    network = init_model(config, target)
    scores, labels = [], []
    for batch in loader:
        view = network.data_preprocessor(batch, False)["inputs"]["clip"]
        scores.append(model.head(model.encoder.forward_map(view), network.encoder.pool_neck).detach())
        labels += [sample.gt_label for sample in batch["data_samples"]]
    assert found == pytest.approx(100 * (torch.cat(scores).argmax(1) == torch.tensor(labels)).float().mean().item())


def test_a_dumped_config_of_a_pretraining_trains(run, tmp_path):
    source, target, data, config = (tmp_path / f for f in ("a.pth", "b.pth", "data.py", "b.py"))
    write_checkpoint(to_reference({"state_dict": small("stgcn", True).state_dict()}, "aimclr").checkpoint, source)
    data.write_text(DATA + f"\nmodel.update(encoder=dict(backbone={dict(SMALL['stgcn'], _delete_=True)!r}))")
    options = ["--cfg-options", "train_cfg.max_epochs=1", "train_cfg.val_interval=1"]
    code, printed = run("aimclr", source, target, "--config", data, "--dump-config", config, *options)
    assert code == 0, printed
    cfg = load(config, {"work_dir": str(tmp_path / "w"), "load_from": str(target)})
    check(cfg)
    assert cfg.train_cfg.max_epochs == 1
    MotionRunner.from_cfg(cfg).train()
