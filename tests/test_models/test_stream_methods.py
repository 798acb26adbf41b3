"""CrosSCLR, CMD and UmURL: released numbers, the equations written plainly, streams and features."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.apis.features import feature_column
from mmsync.errors import CheckpointError, ConfigError, DataError, LayoutError
from mmsync.interop.convert import from_reference, to_reference
from mmsync.models.backbones import BiGRU
from mmsync.models.losses.cross_stream import cross_view_nce
from mmsync.models.losses.vicreg import vicreg_terms
from mmsync.models.methods import CMD, CrosSCLR, UmURL
from mmsync.ops.distillation import mutual_distillation
from mmsync.ops.streams import to_stream
from mmsync.registry import MODELS
from mmsync.structures import SkeletonLayout, View
from mmsync.views import SkeletonPreprocessor

from .reference import load_strictly, tensors, to_mmsync

STREAMS = ("joint", "motion", "bone")
BONES = "1-2 2-21 3-21 4-3 5-21 6-5 7-6 8-7 9-21 10-9 11-10 12-11 13-1 14-13 15-14 16-15 17-1 18-17 19-18 20-19 21-21 "
BONES += "22-23 23-8 24-25 25-12"
SLIM = dict(type="STGCN", channels=[6, 8], strides=[1, 2], temporal_kernel=3, dropout=0.0)
ENCODER = dict(type="Encoder", backbone=SLIM, projector=dict(type="MLPProjector", out_channels=6))


def clips(seed: int = 0, n: int = 4, channels: int = 3) -> View:
    x = torch.randn(n, 2, 8, 25, channels, generator=torch.Generator().manual_seed(seed))
    present = torch.ones(n, 2, dtype=torch.bool)
    present[1:, 1] = False
    return View(x * present[..., None, None, None], present)


def views(seed: int = 0) -> dict[str, View]:
    return {"query": clips(seed), "key": clips(seed + 100)}


def recorded(model) -> dict:
    """What ``contrast`` returns, after a call of ``loss``."""
    seen, own = {}, model.contrast

    def record(*args):
        seen["found"] = own(*args)
        return seen["found"]

    model.contrast = record
    return seen


def suffix(stream: str) -> str:
    return "" if stream == "joint" else f"_{stream}"


# ---------------------------------------------------------------------------------------- released numbers


def test_crossclr_takes_the_reference_s_first_step(fixture_root):
    archive = np.load(fixture_root / "skeleton" / "crossclr3_train_stage1.npz")
    cfg = json.loads(str(archive["meta"]))["cfg"]
    result = from_reference({"state_dict": tensors(archive, "sd0/")}, "crossclr")
    model = MODELS.build({**result.model, "momentum": cfg["momentum"], "temperature": cfg["Temperature"]})
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    load_strictly(model, result.checkpoint["state_dict"])
    seen, before = recorded(model), copy.deepcopy(model.streams)
    losses = model.loss({k: View(to_mmsync(torch.from_numpy(archive[f"in/{k}"]))) for k in ("query", "key")})
    for name in STREAMS:
        found = seen["found"][0][name].logits.detach()
        np.testing.assert_allclose(found, archive[f"out/logits_{name}"], rtol=1e-4, atol=1e-5, err_msg=name)
    total = sum(value.item() for key, value in losses.items() if "loss" in key)
    np.testing.assert_allclose(total, archive["out/loss"], rtol=1e-4, atol=1e-5)
    for key, largest in json.loads(str(archive["out/key_encoder_moved"])).items():
        name = next((one for one in STREAMS if f"k_{one}" in key), "joint")
        old, new = (part[name].key_encoder.module.backbone.st_gcn_networks[9] for part in (before, model.streams))
        moved = (new.gcn.conv.weight - old.gcn.conv.weight).abs().max().item()
        np.testing.assert_allclose(moved, largest, rtol=1e-4)


def test_cmd_takes_the_reference_s_step(fixture_root):
    archive = np.load(fixture_root / "skeleton" / "peer_cmd.npz")
    result = from_reference({"state_dict": tensors(archive, "before/")}, "cmd")
    model = MODELS.build({**result.model, "topk": 24})
    load_strictly(model, result.checkpoint["state_dict"])
    seen, inputs = recorded(model), {"query": "im_q", "key": "im_k"}
    losses = model.loss({k: View(to_mmsync(torch.from_numpy(archive[name]))) for k, name in inputs.items()})
    for name in STREAMS:
        found = seen["found"][0][name].logits.detach()
        np.testing.assert_allclose(found, archive[f"logits{suffix(name)}"], rtol=1e-4, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(losses["loss_distillation"].item(), archive["loss_cmd"], rtol=1e-4)
    total = losses["loss_distillation"] + losses["loss_infonce"]
    np.testing.assert_allclose(total.item(), archive["loss_total"], rtol=1e-4)
    total.backward()
    state = theirs(model.state_dict(keep_vars=True))
    for key, expected in tensors(archive, "grad/").items():
        scale = expected.abs().max().item()
        np.testing.assert_allclose(state[key].grad, expected, rtol=1e-3, atol=1e-4 * scale, err_msg=key)
    for key, expected in tensors(archive, "after/").items():
        np.testing.assert_allclose(state[key].detach(), expected, rtol=1e-4, atol=1e-5, err_msg=key)
    view = View(to_mmsync(torch.from_numpy(archive["im_q"])))
    feature = model.eval()(view, mode="predict")["feature_joint"]
    np.testing.assert_allclose(feature.detach(), archive["feat_knn_joint_eval"], rtol=1e-4, atol=1e-5)


def theirs(values: dict) -> dict:
    """Values by the names of the released code."""
    names = {name: torch.full((), i) for i, name in enumerate(values)}
    found = to_reference({"state_dict": names}, "cmd").checkpoint["state_dict"]
    of_number = list(values)
    return {key.removeprefix("module."): values[of_number[int(i)]] for key, i in found.items()}


# ---------------------------------------------------------------------------------------- the equations, plainly


def unit(*shape: int, seed: int = 0) -> Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=1)


@pytest.mark.parametrize("context", [False, True])
@pytest.mark.parametrize(("n", "k", "topk", "tau"), [(3, 7, 1, 0.07), (5, 6, 3, 0.2), (1, 4, 4, 1.0)])
def test_positives_across_streams(context, n, k, topk, tau):
    query, key = ([unit(n, 5, seed=10 * i + j) for i in range(3)] for j in (0, 1))
    queue = [unit(k, 5, seed=50 + i) for i in range(3)]
    logits = [torch.cat([(q * c).sum(1, keepdim=True), q @ bank.T], 1) / tau for q, c, bank in zip(query, key, queue)]
    found = cross_view_nce(logits, tau, topk, context)
    for u in range(3):
        expected = []
        for v in range(3):
            if u == v:
                continue
            for i in range(n):
                own = [float(query[u][i] @ queue[u][e]) for e in range(k)]
                other = [float(query[v][i] @ queue[v][e]) for e in range(k)]
                nearest = sorted(range(k), key=lambda e, other=other: -other[e])[:topk]
                row, positives = [float(query[u][i] @ key[u][i]), *own], [0, *(e + 1 for e in nearest)]
                if context:
                    row += [a * b for a, b in zip(own, other)]
                    positives += [1 + k + e for e in nearest]
                scores = np.array(row) / tau
                log_p = scores - np.log(np.exp(scores).sum())
                expected.append(-np.mean([log_p[p] for p in positives]))
        np.testing.assert_allclose(float(found[u]), np.mean(expected), rtol=1e-10)


@pytest.mark.parametrize("topk", [1, 3, 9])
def test_distillation_is_the_divergence_of_two_softmaxes(topk):
    student, teacher = unit(4, 9, seed=1).requires_grad_(), unit(4, 9, seed=2).requires_grad_()
    found = mutual_distillation(student, teacher, topk, 0.1, 0.05)
    expected = []
    for s, t in zip(student.detach().numpy(), teacher.detach().numpy()):
        nearest = np.argsort(-t)[:topk]
        p = np.exp(t[nearest] / 0.05) / np.exp(t[nearest] / 0.05).sum()
        q = np.exp(s[nearest] / 0.1) / np.exp(s[nearest] / 0.1).sum()
        expected.append((p * np.log(p / q)).sum())
    np.testing.assert_allclose(found.item(), np.mean(expected), rtol=1e-10, atol=1e-14)
    found.backward()
    assert teacher.grad is None


def test_a_gru_stepped_frame_by_frame_runs_forward_in_both_directions():
    """As CMD's code steps it: the states of both directions go on from frame to frame."""
    torch.manual_seed(0)
    model = BiGRU(hidden_channels=4, num_layers=3, num_persons=2, directions="forward", last_step=True).eval()
    gru = nn.GRU(150, 4, 3, batch_first=True, bidirectional=True)
    for i, one in enumerate(model.gru):
        for name, value in one.state_dict().items():
            getattr(gru, name.replace("_l0", f"_l{i // 2}{'_reverse' * (i % 2)}")).data.copy_(value)
    view = clips()
    x, state = model.data_bn(view.data.permute(0, 2, 3, 4, 1).flatten(2).mT).mT, None
    for t in range(8):
        step, state = gru(x[:, t : t + 1], state)
    found = model(view)
    assert found.owner.tolist() == [0, 1, 2, 3]
    torch.testing.assert_close(found.data[:, :, 0, 0], step[:, 0])
    both = BiGRU(hidden_channels=4, num_layers=3).eval()
    for one in (model, both):
        depths = [one.get_layer_depth(name) for name, _ in one.named_parameters()]
        assert depths == [(0, 5)] * 2 + [(i, 5) for i in (1, 2, 3) for _ in range(8)]
    rows = view.data[view.present]
    torch.testing.assert_close(both(view).data[..., 0].mT, both.gru(both.data_bn(rows.flatten(2).mT).mT)[0])


# ---------------------------------------------------------------------------------------- the step


@pytest.mark.parametrize("reference", [False, True])
def test_mining_across_streams_starts_when_it_is_due(reference):
    torch.manual_seed(0)
    model = CrosSCLR(ENCODER, queue_size=12, momentum=0.5, cross_epoch=1, topk=2, reference_ema=reference)
    model.init_weights()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(2):
        model.set_epoch(epoch)
        twin, before = copy.deepcopy(model), copy.deepcopy(model.streams)
        seen, losses = recorded(model), model.loss(views(epoch))
        logits = [one.logits for one in seen["found"][0].values()]
        if epoch == 0:
            expected = [F.cross_entropy(one, torch.zeros(4, dtype=torch.long)) for one in logits]
        else:
            expected = cross_view_nce(logits, 0.07, 2, True)
        for name, value in zip(STREAMS, expected):
            torch.testing.assert_close(losses[f"loss_{name}"], value)
        for name, part in model.streams.items():
            new, old = (one.key_encoder.module.projector.layers[0].weight for one in (part, before[name]))
            online = twin.streams[name].encoder.projector.layers[0].weight
            moves = epoch == 0 or not reference or name == "motion"
            torch.testing.assert_close(new, 0.5 * (old + online) if moves else old)
        optimizer.zero_grad()
        sum(value for key, value in losses.items() if "loss" in key).backward()
        optimizer.step()


def test_the_released_heads_share_the_joints_projector():
    model = CrosSCLR(ENCODER, queue_size=8, momentum=0.5, reference_heads=True, key_init="reference")
    model.init_weights()
    for part in ("encoder", "key_encoder.module"):
        heads = [model.get_submodule(f"streams.{name}.{part}.projector.layers") for name in STREAMS]
        assert heads[1][-1] is heads[0]
        assert heads[2][-1] is heads[0]
    key, online = (
        model.get_submodule(f"streams.joint.{p}.projector.layers.0") for p in ("key_encoder.module", "encoder")
    )
    expected = online.weight + (key.weight - online.weight) / 8  # it moves with each of the three key encoders
    model.loss(views())
    torch.testing.assert_close(key.weight, expected)
    own = CrosSCLR(ENCODER, queue_size=8)
    assert len(list(own.named_parameters(remove_duplicate=False))) == len(list(own.parameters()))


def test_queues_are_aligned_and_streams_are_of_one_clip():
    torch.manual_seed(0)
    model = CMD(ENCODER, queue_size=8, topk=4)
    seen = []
    for step in range(3):  # of 4 clips: the third overwrites the first
        twin = copy.deepcopy(model)
        model.loss(views(step))
        keys = {}
        for name in STREAMS:
            twin_key = twin.streams[name].key_encoder
            twin_key.update(twin.streams[name].encoder)
            key = views(step)["key"]
            data = to_stream(key.data, name, torch.tensor(SkeletonLayout.get("ntu25").parents))
            keys[name] = F.normalize(twin_key(key._replace(data=data)), dim=1)
        seen.append(keys)
    for name, part in model.streams.items():
        torch.testing.assert_close(part.queue.keys.T, torch.cat([seen[2][name], seen[1][name]]))
        assert part.queue.pointer.item() == 4


# ---------------------------------------------------------------------------------------- streams and features


def test_streams_are_those_of_the_released_code():
    model, view = CMD(ENCODER, queue_size=8, topk=4), clips()
    bone, motion = torch.zeros_like(view.data), torch.zeros_like(view.data)
    for pair in BONES.split():
        child, parent = (int(part) - 1 for part in pair.split("-"))
        bone[..., child, :] = view.data[..., child, :] - view.data[..., parent, :]
    for t in range(7):
        motion[:, :, t] = view.data[:, :, t + 1] - view.data[:, :, t]
    torch.testing.assert_close(model.stream(view, "bone").data, bone)
    torch.testing.assert_close(model.stream(view, "motion").data, motion)
    assert model.stream(view, "joint").data is view.data


@pytest.mark.parametrize("method", [CMD, CrosSCLR])
def test_probes_see_each_stream_and_all(method):
    torch.manual_seed(0)
    model = method(ENCODER, queue_size=8, topk=4).eval()
    table = model(clips(), mode="predict")
    assert (table["feature"].shape, table["feature_bone"].shape) == ((4, 24), (4, 8))
    torch.testing.assert_close(table["feature"], torch.cat([table[f"feature_{name}"] for name in STREAMS], 1))
    motion = model.motion.extract(model.stream(clips(), "motion"))
    torch.testing.assert_close(table["feature_motion"], motion)
    found = [feature_column(method, name) for name in (None, *STREAMS)]
    assert found == ["feature", "feature_joint", "feature_motion", "feature_bone"]
    # the mean of three classifiers, as view='all' of the released code, is one on all features
    heads = [nn.Linear(8, 5) for _ in STREAMS]
    mean = sum(head(table[f"feature_{name}"]) for head, name in zip(heads, STREAMS)) / 3
    weight = torch.cat([head.weight for head in heads], 1) / 3
    torch.testing.assert_close(table["feature"] @ weight.T + sum(head.bias for head in heads) / 3, mean)


def test_one_stream_can_be_finetuned():
    cfg = dict(encoder=ENCODER, data_preprocessor=dict(type="SkeletonPreprocessor", layout="ntu25"))
    encoder, preprocessor = CMD.encoder_config(cfg, "motion")
    assert (encoder, preprocessor["stream"]) == (ENCODER, "motion")
    prefix = CMD.encoder_prefixes(cfg)["motion"]
    model = CMD(ENCODER, queue_size=8, topk=4)
    names = {name[len(prefix) :] for name in model.state_dict() if name.startswith(prefix)}
    assert names == set(MODELS.build(ENCODER).state_dict())


# ---------------------------------------------------------------------------------------- UmURL


def umurl(**settings) -> UmURL:
    torch.manual_seed(0)
    backbone = dict(SLIM, in_channels=9, data_norm=False)
    projector = dict(type="MLPProjector", out_channels=6)
    return UmURL(dict(type="Encoder", backbone=backbone), projector, **settings)


def test_umurl_is_the_sum_of_its_terms():
    model = umurl(consistency_weight=2.0, variance_weight=3.0, covariance_weight=0.5)
    for module in model.encoder.modules():  # statistics of the joint batch would couple the passes
        module.eval()
    both = {"first": clips(0, channels=9), "second": clips(1, channels=9)}
    losses = model.loss(both)
    whole = model.encoder(both["first"])
    alone = []
    for i in range(3):
        data = torch.zeros_like(both["second"].data)
        data[..., 3 * i : 3 * i + 3] = 3 * both["second"].data[..., 3 * i : 3 * i + 3]
        alone.append(model.encoder(both["second"]._replace(data=data)))
    pairs = [(head(whole), head(one)) for head, one in zip(model.projectors.values(), alone)]
    terms = [vicreg_terms(*pair) for pair in pairs]
    for name, weight, i in (("invariance", 2.0, 0), ("variance", 3.0, 1), ("covariance", 0.5, 2)):
        torch.testing.assert_close(losses[f"loss_{name}"], weight * sum(term[i] for term in terms) / 3)
    (_, a), (_, b), (_, c) = pairs
    between = sum(F.mse_loss(x, y) for x, y in ((a, b), (a, c), (b, c))) / 3
    torch.testing.assert_close(losses["loss_inter"], 2.0 * between)
    assert set(losses) == {"loss_invariance", "loss_inter", "loss_variance", "loss_covariance"}


def test_streams_together_are_embedded_as_the_mean_of_each_alone():
    model, view = umurl(), clips(0, channels=9)
    embed = nn.Linear(9, 5)
    alone = torch.stack([embed(model.alone(view, name).data) for name in STREAMS]).mean(0)
    torch.testing.assert_close(alone, embed(view.data))


def test_umurl_s_probes_see_each_stream_and_all():
    model = umurl().eval()
    preprocessor = SkeletonPreprocessor("ntu25", stream="joint+motion+bone")
    view = preprocessor({"inputs": clips().data})["inputs"]["clip"]
    table = model({"clip": view}, mode="predict")
    assert {name: tuple(table[name].shape) for name in table} == {
        "feature": (4, 8), **{f"feature_{name}": (4, 8) for name in STREAMS}
    }  # fmt: skip
    other = view._replace(data=torch.cat([view.data[..., :6], torch.randn_like(view.data[..., 6:])], -1))
    changed = model({"clip": other}, mode="predict")
    assert torch.equal(changed["feature_motion"], table["feature_motion"])
    assert not torch.equal(changed["feature_bone"], table["feature_bone"])


# ---------------------------------------------------------------------------------------- mistakes

POINTS = dict(name="points", joints=3, parents=[0, 1, 2])


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: CMD(ENCODER, queue_size=8), ConfigError, "model.topk=8192: .* queue_size=8"),
        (lambda: CrosSCLR(ENCODER, queue_size=8, topk=0), ConfigError, "model.topk=0"),
        (lambda: CMD(ENCODER, queue_size=8, topk=4, teacher_temperature=0), ConfigError, "teacher_temperature=0"),
        (
            lambda: CMD(ENCODER, SkeletonPreprocessor("ntu25", stream="bone"), 8, topk=4),
            ConfigError,
            "stream='bone': CMD makes the streams itself",
        ),
        (
            lambda: CrosSCLR(dict(ENCODER, projector=None), queue_size=8, reference_heads=True),
            ConfigError,
            "reference_heads: give each encoder a projector",
        ),
        (
            lambda: CMD(dict(ENCODER, backbone=dict(SLIM, layout=POINTS)), queue_size=8, topk=4),
            LayoutError,
            "layout 'points' has none",
        ),
        (lambda: UmURL(ENCODER), ConfigError, "model.encoder.projector"),
        (
            lambda: UmURL(dict(ENCODER, projector=None), data_preprocessor=SkeletonPreprocessor("ntu25")),
            ConfigError,
            "stream='joint': UmURL encodes several",
        ),
        (lambda: umurl()(clips(channels=10), mode="loss"), DataError, "10 channels"),
        (lambda: BiGRU(last_step=True), ConfigError, "directions='both', last_step=True"),
        (lambda: BiGRU(num_persons=2)(View(torch.randn(1, 3, 4, 25, 3))), LayoutError, "num_persons=2"),
        (
            lambda: to_reference(
                {"state_dict": CMD(dict(ENCODER, backbone=dict(type="BiGRU", hidden_channels=4)), topk=4).state_dict()},
                "cmd",
            ),
            CheckpointError,
            "both directions of CMD's GRU run forward",
        ),
    ],
)
def test_mistakes(make, error, match):
    with pytest.raises(error, match=match):
        make()
